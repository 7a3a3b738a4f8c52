#!/usr/bin/env bash
# Makes the database on the first start, then runs the server. Understands, as the image of that
# name does: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD (and NAME_FILE for the first four), PGDATA, and the scripts in
# /docker-entrypoint-initdb.d. Works as root (steps down to postgres) and as any other user.
set -euo pipefail

UNFINISHED=entrypoint-unfinished

from_file() { # NAME DEFAULT: the variable's value, or the content of the file that NAME_FILE names
    local file=$1_FILE
    if [ -n "${!1:-}" ] && [ -n "${!file:-}" ]; then echo "error: both $1 and $file are set" >&2; exit 1; fi
    if [ -n "${!file:-}" ]; then export "$1=$(<"${!file}")"; else export "$1=${!1:-$2}"; fi
    unset "$file"
}

# initdb refuses a user that has no name, as one that a pod's securityContext chose: lend it one.
lend_a_name() {
    getent passwd "$(id -u)" >/dev/null && return
    local library; library=$(find /usr/lib -name libnss_wrapper.so | head -1)
    NSS_WRAPPER_PASSWD=$(mktemp) NSS_WRAPPER_GROUP=$(mktemp)
    export LD_PRELOAD=$library NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
    echo "postgres:x:$(id -u):$(id -g):PostgreSQL:$PGDATA:/bin/false" >"$NSS_WRAPPER_PASSWD"
    echo "postgres:x:$(id -g):" >"$NSS_WRAPPER_GROUP"
}

take_the_name_back() {
    [ -n "${NSS_WRAPPER_PASSWD:-}" ] || return 0
    rm -f "$NSS_WRAPPER_PASSWD" "$NSS_WRAPPER_GROUP"
    unset LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
}

run_init_scripts() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sh)
                echo "entrypoint: running $file"
                # shellcheck disable=SC1090
                if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) echo "entrypoint: running $file"; "${psql[@]}" -f "$file" ;;
            *.sql.gz) echo "entrypoint: running $file"; gunzip -c "$file" | "${psql[@]}" ;;
            *'*') ;;
            *) echo "entrypoint: ignoring $file" ;;
        esac
    done
}

make_database() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        cat >&2 <<'TEXT'
Error: Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser,
       or POSTGRES_HOST_AUTH_METHOD=trust to allow all connections without a password.
TEXT
        exit 1
    fi
    lend_a_name
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth-local=trust \
        --auth-host=scram-sha-256 -D "$PGDATA" ${POSTGRES_INITDB_ARGS:-}
    touch "$PGDATA/$UNFINISHED"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"

    # Without a network address nobody takes the database for ready before its scripts have run.
    export PGUSER=$POSTGRES_USER PGHOST=/var/run/postgresql
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --dbname "$POSTGRES_DB")
    if [ "$POSTGRES_DB" != postgres ]; then
        psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
    run_init_scripts
    pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGUSER PGHOST
    take_the_name_back
    rm "$PGDATA/$UNFINISHED"
    echo "entrypoint: the database is ready for use"
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA" 2>/dev/null || true
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres "$PGDATA"; chmod 700 "$PGDATA"
        chown postgres /var/run/postgresql || true
        exec gosu postgres "${BASH_SOURCE[0]}" "$@"
    fi
    chmod 700 "$PGDATA" 2>/dev/null || true
    from_file POSTGRES_PASSWORD ''
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS ''
    # A first start that was cut short, or whose scripts failed, is made anew.
    if [ -e "$PGDATA/$UNFINISHED" ]; then find "$PGDATA" -mindepth 1 -delete; fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then make_database; fi
fi
exec "$@"
