#!/usr/bin/env bash
# The load generator against its own backend, without any proxy: each role carries what it says, and a closed port is a failure.
set -euo pipefail
load=$1
coproc BACKEND { exec "$load" backend 0; }
read -r port <&"${BACKEND[0]}"
trap 'exec {BACKEND[1]}>&- || true' EXIT

expect() {
    local pattern=$1 found
    shift
    found=$("$load" "$@")
    [[ $found =~ $pattern ]] || { echo "$*: expected $pattern, got $found" >&2; exit 1; }
}
expect '"bytes":1000000' bulk "$port" 1 1000000 up
expect '"bytes":1000000' bulk "$port" 8 1000000 down
expect '"connections":20,"failed":0' connects "$port" 20 4 0
expect '"round_trips":500' round-trips "$port" 4 500 10
{ coproc LINE { exec "$load" delay-line 0 "$port" 5; }; } 2>/dev/null
read -r far <&"${LINE[0]}"
# 10 ms for the handshake that the loopback does without, 5 there, 5 back.
[[ $("$load" connects "$far" 3 1 0) =~ \"p50_us\":([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 20000 ]
exec {LINE[1]}>&-
! "$load" round-trips 1 1 1 0 2>/dev/null || { echo 'a closed port passed for a connection' >&2; exit 1; }
