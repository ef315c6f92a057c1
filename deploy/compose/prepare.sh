#!/bin/sh
# Makes what docker-compose.yml needs and no repository may hold: .env with fresh passwords, and deploy/compose/secrets:
#
#   sources.toml        who may send events (docs/events.md, Sources): at first the demonstration's four sources
#   traffic-keys.toml   the keys of these four, for the profile `demo`
#   staff-token         the bearer token of staff (docs/api.md)
#
# Needs openssl. What is there already is never changed: to begin again, remove .env and the directory.
set -eu
umask 077
cd "$(dirname "$0")/../.."
secrets=deploy/compose/secrets

secret() { openssl rand -hex 24; }
sha256() { printf %s "$1" | openssl dgst -sha256 -r | cut -d' ' -f1; }

for path in .env "$secrets"; do
  if [ -e "$path" ]; then
    echo "$path is there already; nothing is changed. To begin again, remove .env and $secrets." >&2
    exit 1
  fi
done

# Only its owner can enter the directory. The files in it are mounted one by one, for the containers' own user to read.
mkdir "$secrets"
for name in e-application office-system call-centre procedure-registry; do
  key=qos_$(secret)
  cat >>"$secrets/sources.toml" <<TOML
[[sources]]
source = "tokyo/$name"
name = "tokyo-$name"
key_sha256 = ["$(sha256 "$key")"]
organisations = ["*"]
event_types = ["*"]
max_age_days = "unlimited"

TOML
  echo "\"tokyo/$name\" = \"$key\"" >>"$secrets/traffic-keys.toml"
done
staff_token=$(secret)
echo "$staff_token" >"$secrets/staff-token"
chmod 644 "$secrets/sources.toml" "$secrets/traffic-keys.toml"

cat >.env <<ENV
POSTGRES_PASSWORD=$(secret)
GRAFANA_DB_PASSWORD=$(secret)
GRAFANA_ADMIN_PASSWORD=$(secret)
QOS_METRICS_STAFF_TOKEN_SHA256=$(sha256 "$staff_token")
ENV
echo "Made .env and $secrets. Now: docker compose up --build --detach --wait"
