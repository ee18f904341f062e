#!/bin/bash
# What a newcomer runs first, on this build, in a shell that speaks of a proxy and of other databases, with a blank in TMPDIR:
# each step does what it says, and nothing stays behind, whoever ends it and however often.
set -euo pipefail

demo=$1 programs=$2
# Short: a socket's path has 107 bytes at most.
work=$(mktemp -d "${TMPDIR:-/tmp}/pd.XXXXXX")
tree=$work/tree TMPDIR="$work/with blank"
mkdir -p "$tree/scripts" "$TMPDIR"
chmod 755 "$work" "$TMPDIR"
# A tree of its own: demo.env lies in it.
cp "$demo" "$tree/scripts/demo"

log=$work/log job='' orphan=''
clean_up() {
    [ -z "$orphan" ] || kill -KILL "$orphan" 2>/dev/null || true
    [ -z "$job" ] || kill "$job" 2>/dev/null || true
    [ -z "$job" ] || wait "$job" || true
    [ ! -f "$tree/demo.env" ] || "$tree/scripts/demo" --stop >/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
fail() { cat "$log"; printf 'demo_test: error: %s\n' "$1" >&2; exit 1; }
nothing_is_left() {
    [ -z "$(ls -A "$TMPDIR")" ] || fail "$1 leaves $(ls -A "$TMPDIR")"
    ! grep -lsF "$TMPDIR" /proc/[0-9]*/cmdline || fail "$1 leaves processes"
}
wait_for() {
    local i
    for ((i = 0; i < 1200; i++)); do ! grep -q "$1" "$log" || return 0; sleep 0.05; done
    fail "it did not get to: $1"
}

export TMPDIR HTTPS_PROXY=http://127.0.0.1:9 ALL_PROXY=socks5://127.0.0.1:9 PGSSLMODE=require PGSERVICE=another
unset NO_PROXY no_proxy

"$tree/scripts/demo" --keep --programs "$programs" >"$log" 2>&1 || fail 'a step did not do what it says'
cat "$log"
# shellcheck disable=SC1091
orders=$(. "$tree/demo.env" && psql -X -At -c 'select count(*) from orders' 2>&1) || true
[ "$orders" = 3 ] || fail "psql in a shell that has read demo.env: $orders"
"$tree/scripts/demo" --stop
nothing_is_left 'demo --keep, and --stop'

# A demo.env whose gateway has ended, and whose PostgreSQL has not.
mkdir "$work/before"
: >"$work/before/log"
env --default-signal=INT tail -f "$work/before/log" &
orphan=$!
cat >"$tree/demo.env" <<END
POSTERN_DIR='$work/before' POSTERN_BIN='$programs' POSTERN_GATEWAY_PID= POSTERN_AGENT_PID= POSTERN_CA_PID= POSTERN_POSTGRES_PID=$orphan
END
# Job control: else the shell would have the demo ignore SIGINT.
set -m
log=$work/log-of-interrupted
: >"$log"
"$tree/scripts/demo" --keep --programs "$programs" >"$log" 2>&1 </dev/null &
job=$!
set +m
wait_for 'Alice logs in'
[ ! -e "$work/before" ] || fail 'the demo before has its folder still'
wait "$orphan" || [ $? -eq 130 ] || fail 'the demo before has a process still'
orphan=''
kill -INT -- "-$job"
wait_for 'cleaning up'
for _ in 1 2 3 4 5; do kill -INT -- "-$job" 2>/dev/null || true; sleep 0.05; done
code=0
wait "$job" || code=$?
job=''
[ $code -eq 130 ] || fail "interrupted, it exits with $code"
nothing_is_left 'a demo that was interrupted, and again while it cleaned up,'
echo 'Nothing stays behind.'
