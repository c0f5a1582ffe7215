#!/bin/sh
# Makes the cluster when there is none, runs the scripts of /docker-entrypoint-initdb.d on a server that listens on its
# socket alone, and becomes the server.
set -eu
export POSTGRES_USER="${POSTGRES_USER:-postgres}"
password_file="${POSTGRES_PASSWORD_FILE:?is needed}"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    chown -R postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid postgres --regid postgres --init-groups /bin/sh "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Split into words on purpose: it is a list of arguments.
    initdb --username "$POSTGRES_USER" --pwfile "$password_file" ${POSTGRES_INITDB_ARGS:-}
    printf 'host all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
    pg_ctl --wait --options "-c listen_addresses=" start
    for script in /docker-entrypoint-initdb.d/*.sh; do
        "$script"
    done
    pg_ctl --wait --mode fast stop
fi
exec "$@" -c listen_addresses='*'
