#!/bin/bash
# What a newcomer runs first, on this build, in a shell that speaks of a proxy and of other databases, with a blank in TMPDIR:
# each step does what it says.
set -euo pipefail

demo=$1 programs=$2
# Not in TMPDIR: a socket's path has 107 bytes at most.
work=$(mktemp -d /tmp/postern-demo-test.XXXXXX)
tree=$work/tree TMPDIR="$work/with blank"
mkdir -p "$tree/scripts" "$TMPDIR"
chmod 755 "$work" "$TMPDIR"
# A tree of its own: demo.env lies in it.
cp "$demo" "$tree/scripts/demo"

log=$work/log
clean_up() {
    [ ! -f "$tree/demo.env" ] || "$tree/scripts/demo" --stop >/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
fail() { cat "$log"; printf 'demo_test: error: %s\n' "$1" >&2; exit 1; }

export TMPDIR HTTPS_PROXY=http://127.0.0.1:9 ALL_PROXY=socks5://127.0.0.1:9 PGSSLMODE=require PGSERVICE=another
unset NO_PROXY no_proxy

"$tree/scripts/demo" --keep --programs "$programs" >"$log" 2>&1 || fail 'a step did not do what it says'
cat "$log"
# shellcheck disable=SC1091
orders=$(. "$tree/demo.env" && psql -X -At -c 'select count(*) from orders' 2>&1) || true
[ "$orders" = 3 ] || fail "psql in a shell that has read demo.env: $orders"
"$tree/scripts/demo" --stop
