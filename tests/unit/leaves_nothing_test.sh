#!/bin/bash
# What a test leaves is named, ended and makes the test fail; so it is after a test that failed or was interrupted.
set -euo pipefail

leaves_nothing=$1
work=$(mktemp -d)
job=
clean_up() { [ -z "$job" ] || kill -KILL "$job" 2>/dev/null || true; rm -rf "$work"; }
trap clean_up EXIT
fail() { cat "$work/log" >&2; printf 'leaves_nothing_test: error: %s\n' "$1" >&2; exit 1; }
# ends_with CODE COMMAND…
ends_with() {
    local wanted=$1 code=0
    shift
    "$leaves_nothing" "$@" >"$work/log" 2>&1 || code=$?
    [ $code -eq "$wanted" ] || fail "exit code $code, not $wanted, of: $*"
}
says() { grep -q -- "$1" "$work/log" || fail "it does not say: $1"; }
is_gone() {
    ! kill -0 "$(cat "$work/pid")" 2>/dev/null || fail "$1 still runs"
    [ ! -e "$(cat "$work/folder")" ] || fail "the folder of $1 is still there"
}
# Out of the test's process group and session, as daemons are, without its environment, and deaf to SIGTERM.
daemon="setsid --fork env -i PATH=$PATH bash -c 'trap \"\" TERM; echo \$\$ >$work/pid; exec sleep 1000' </dev/null >/dev/null 2>&1
    until [ -s $work/pid ]; do sleep 0.05; done; echo \$TMPDIR >$work/folder"

ends_with 0 true
ends_with 7 bash -c 'exit 7'
ends_with 143 bash -c 'kill -TERM $$'
ends_with 127 "$work/none"
ends_with 2

ends_with 1 bash -c "$daemon"
says 'was left: process .*sleep 1000'
is_gone 'what a test that passed has left'
rm "$work/pid"
ends_with 3 bash -c "$daemon; exit 3"
says 'was left: process .*sleep 1000'
is_gone 'what a test that failed has left'
rm "$work/pid"
# Who ends a moment later has not been left.
ends_with 0 bash -c 'setsid --fork sleep 0.3 </dev/null >/dev/null 2>&1'

ends_with 1 bash -c 'mkdir $TMPDIR/kept'
says 'was left: .*/kept'
if [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; then
    ends_with 1 bash -c "mkdir \$TMPDIR/kept; mount -t tmpfs none \$TMPDIR/kept; echo \$TMPDIR >$work/folder"
    says 'was left: mount .*/kept'
    ! grep -q "$(cat "$work/folder")" /proc/self/mounts || fail 'a mount stays'
fi

for number in INT TERM HUP; do
    rm -f "$work/pid" "$work/folder"
    set -m
    "$leaves_nothing" bash -c "trap 'echo interrupted; exit 9' $number; $daemon; while :; do sleep 0.05; done" >"$work/log" 2>&1 &
    job=$!
    set +m
    until [ -s "$work/folder" ]; do sleep 0.05; done
    kill -$number $job
    code=0
    wait $job || code=$?
    job=
    [ $code -eq $((128 + $(kill -l $number))) ] || fail "exit code $code after SIG$number"
    says '^interrupted'
    is_gone "a test that was sent SIG$number"
done

# As ctest's output: which tests run is told while nothing else is.
ends_with 0 --tell 0.2 bash -c 'echo "      Start  1: slow_test"; sleep 0.5; echo "1/2 Test  #1: slow_test .... Passed"; echo "    Start 2: other_test"; sleep 0.5'
says '… slow_test ('
! grep -q '… .*slow_test.*other_test' "$work/log" || fail 'a test that has ended is told as running'
says '… other_test ('
echo 'Nothing stays.'
