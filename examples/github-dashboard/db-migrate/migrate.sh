#!/bin/sh
# Applies each migration once, in the order of their names, each in a transaction of its own
# with its line in schema_migrations. Running it again changes nothing.
set -eu

sql() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }

# The database is ready before the rules of its Service lead to it on every node: a moment of patience.
attempts=0
until sql -c 'SELECT 1' >/dev/null 2>&1; do
    attempts=$((attempts + 1))
    if [ $attempts -ge 60 ]; then
        sql -c 'SELECT 1'    # says why, and ends the script
    fi
    sleep 0.5
done

PGOPTIONS='-c client_min_messages=warning' sql -c \
    'CREATE TABLE IF NOT EXISTS public.schema_migrations (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())'

for file in "${MIGRATIONS:-/migrations}"/*.sql; do
    version=$(basename "$file" .sql)
    if [ "$(sql -At -c "SELECT count(*) FROM public.schema_migrations WHERE version = '$version'")" = 1 ]; then
        echo "$version: already applied"
        continue
    fi
    sql --single-transaction -f "$file" -c "INSERT INTO public.schema_migrations (version) VALUES ('$version')"
    echo "$version: applied"
done
