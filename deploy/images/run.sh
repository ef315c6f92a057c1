#!/usr/bin/env bash
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/store.sh"

usage() {
  cat <<'HELP'
Runs an image that build.sh made, until it ends, as it is to run in production: by its user, without capabilities, on a
read-only root with an empty /tmp in memory. It is on the machine's network. For machines without a container engine.

  deploy/images/run.sh [OPTION]... TARGET [COMMAND]...

Without COMMAND the image's own is run. SIGTERM and Ctrl-C stop it as an engine would; its exit code is the command's.

  --env NAME[=VALUE]   an environment variable; without a value: this shell's
  --volume HOST:CONTAINER[:ro]
  --storage DIR        where build.sh keeps images (default: ~/.cache/qos/images)
  --tag TAG            (default: local)
  -h, --help

  KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 \
    deploy/images/run.sh --env KAFKA_BOOTSTRAP_SERVERS processing python -m qos_runtime.create_topics
HELP
}

tag=local options=()
while (($#)); do
  case $1 in
    --env | --volume)
      (($# > 1)) || fail "$1: a value is missing." 'see --help' 2
      options+=("$1" "$2")
      shift 2
      ;;
    --storage | --tag)
      (($# > 1)) || fail "$1: a value is missing." 'see --help' 2
      printf -v "${1#--}" %s "$2"
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    -*) fail "$1: no such option." 'see --help' 2 ;;
    *) break ;;
  esac
done
(($#)) || fail 'Which image?' 'see --help' 2
target=$1
shift
require_root_and buildah
open_store

image=localhost/qos-$target:$tag
"${store[@]}" inspect --type image "$image" >/dev/null 2>&1 || fail "There is no $image." "deploy/images/build.sh $target"
container=$("${store[@]}" from --pull-never "$image")
trap '"${store[@]}" rm "$container" >/dev/null' EXIT
of_config() { "${store[@]}" inspect --type image --format "{{range .OCIv1.Config.$1}}{{println .}}{{end}}" "$image" | sed '/^$/d'; }
mapfile -t entrypoint < <(of_config Entrypoint)
mapfile -t command < <(of_config Cmd)
(($# == 0)) || command=("$@")
user=$("${store[@]}" inspect --type image --format '{{.OCIv1.Config.User}}' "$image")

# buildah's `run` has no such options itself: root makes the file system read-only, then gives up all that it may do.
# shellcheck disable=SC2016  # expanded in the container
restricted='mount -o remount,bind,ro / && exec setpriv --reuid "${0%:*}" --regid "${0#*:}" --clear-groups \
  --bounding-set=-all --inh-caps=-all --no-new-privs "$@"'
"${store[@]}" run --isolation chroot --user 0:0 --cap-add CAP_SYS_ADMIN --cap-add CAP_SETPCAP \
  --env TINI_SUBREAPER=1 "${options[@]}" --mount type=tmpfs,destination=/tmp \
  "$container" -- sh -c "$restricted" "$user" "${entrypoint[@]}" "${command[@]}" &
child=$!

# buildah would cut off what it runs. So the signal goes to the container's init, the first below buildah that is one.
# shellcheck disable=SC2329  # called by the trap
stop() {
  local process=$child
  interrupted=yes
  while [ -n "$process" ] && [ "$(cat "/proc/$process/comm")" != tini ]; do
    process=$(cat "/proc/$process/task/"*/children | cut -d' ' -f1)
  done 2>/dev/null
  kill -TERM "${process:-$child}" 2>/dev/null || true
}
interrupted=no
trap stop TERM INT
status=0
wait "$child" || status=$?
# A signal ends this shell's waiting, not the container.
while [ "$interrupted" = yes ]; do
  interrupted=no status=0
  wait "$child" || status=$?
done
exit "$status"
