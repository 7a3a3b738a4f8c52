# A stand-in for the compose command: says its version, and what it would make of the project.
case "$*" in
*version*) echo 2.24.6 ;;
*" -p extra "*) echo 'services: {web: {image: redis}, worker: {image: busybox}}' ;;
*" -p shop "*override.yml*) sed 's/nginx/httpd/' normalised.yml ;;
*" -p shop "*) cat normalised.yml ;;
*) echo "called with $*" >&2; exit 1 ;;
esac
