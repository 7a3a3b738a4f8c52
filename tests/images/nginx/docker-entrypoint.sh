#!/bin/sh
# Fills in /etc/nginx/templates/*.template with the environment and runs /docker-entrypoint.d/*.sh
# before the server starts.
set -e
if [ "$1" = nginx ]; then
    names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p' | tr '\n' ' ')
    for template in /etc/nginx/templates/*.template; do
        [ -e "$template" ] || continue
        target=/etc/nginx/conf.d/$(basename "$template" .template)
        envsubst "$names" <"$template" >"$target"
    done
    for script in /docker-entrypoint.d/*.sh; do
        if [ -x "$script" ]; then "$script"; fi
    done
fi
exec "$@"
