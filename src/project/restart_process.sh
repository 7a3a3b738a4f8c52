# Runs a command as its child, and starts it again in the same container when it is told to (SIGUSR1): what
# `restart_process()` makes of a container's command. POSIX only. In the pod spec two dollar signs would become one, and
# "dollar, parenthesis" would be a variable: there are none of either. Comments end with the line `#--` and are not sent.
#
# Arguments: the file for the process id of this script, what follows when the command ends by itself (restart or
# continue), the command. `wait` returns early whenever a signal comes, so all loops look at the facts again.
#--
file=$1 policy=$2 group= child= again= ending=
shift 2
command -v setsid >/dev/null 2>&1 && group=setsid
send() {
  [ -n "$child" ] || return 0
  [ -n "$group" ] && kill -s "$1" -- "-$child" 2>/dev/null && return 0
  kill -s "$1" "$child" 2>/dev/null || :
}
end() { ending=$1; send "$1"; }
trap 'again=1; send TERM' USR1
trap 'end TERM' TERM
trap 'end INT' INT
trap 'end QUIT' QUIT
trap 'end HUP' HUP
trap 'send USR2' USR2
{ sh -c 'echo $PPID' >"$file"; } 2>/dev/null || :
exec 3<&0
while :; do
  again= killer=
  $group "$@" <&3 3<&- &
  child=$!
  [ -z "$again$ending" ] || send TERM
  code=0
  while :; do
    wait "$child"; code=$?
    kill -0 "$child" 2>/dev/null || break
    [ -z "$again" ] || [ -n "$killer" ] || { { sleep 10; send KILL; } & killer=$!; }
  done
  if [ "$code" -gt 128 ]; then
    wait "$child" 2>/dev/null; late=$?
    [ "$late" -eq 127 ] || code=$late
  fi
  [ -z "$killer" ] || kill -s KILL "$killer" 2>/dev/null || :
  if [ -z "$again" ] && [ -z "$ending" ] && [ "$policy" = continue ]; then
    echo "the command ended with exit code $code; the next live update starts it again" >&2
    child=
    while [ -z "$again$ending" ]; do sleep 86400 & wait $!; done
  fi
  [ -n "$again" ] && [ -z "$ending" ] || exit "$code"
  [ -z "$group" ] || kill -s KILL -- "-$child" 2>/dev/null || :
done
