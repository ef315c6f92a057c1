#!/bin/sh
# Makes Grafana's user, a member of the role that reads the views for reports and nothing else (docs/reporting.md).
# PostgreSQL's image runs it when it initialises a database, before the migrations; anywhere else: with psql on the path
# and PGHOST, PGUSER and so on for a user who may create roles. It may be run again, to change the password.
set -eu
: "${GRAFANA_DB_USER:?the name of the user that Grafana logs in as}"
: "${GRAFANA_DB_PASSWORD:?its password}"

psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-${PGUSER:-postgres}}" --dbname "${POSTGRES_DB:-${PGDATABASE:-postgres}}" <<'SQL'
\getenv user GRAFANA_DB_USER
\getenv password GRAFANA_DB_PASSWORD
SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['qos_reader', :'user']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec
ALTER ROLE :"user" LOGIN PASSWORD :'password';
GRANT qos_reader TO :"user";
-- A dashboard changes nothing, and does not keep the database busy for ever.
ALTER ROLE :"user" SET default_transaction_read_only = on;
ALTER ROLE :"user" SET statement_timeout = '30s';
SQL
