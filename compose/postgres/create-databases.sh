#!/bin/sh
# Run once, by the image of PostgreSQL, when the cluster is new: a database for each node, and a user who owns it and
# can connect to no other.
set -eu

for node in sequencer mediator; do
    psql --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
        --set node="$node" --set password="$(cat "/run/secrets/$node-password")" <<'SQL'
CREATE ROLE :"node" LOGIN PASSWORD :'password';
CREATE DATABASE :"node" OWNER :"node";
REVOKE ALL ON DATABASE :"node" FROM PUBLIC;
SQL
done
