#!/bin/bash
# Runs inside the booted tree, as a unit of its own: sets the CA service, PostgreSQL and the gateway up the way an
# administrator does, and starts, reloads, kills and stops them with a connection through them.
set -euo pipefail

shared=/postern-test
say() { printf '%5.1f  %s\n' "$(($(date +%s%N) - begun))e-9" "$*"; }
begun=$(date +%s%N)
fail() {
    echo "FAILED: $*"
    for unit in postern-ca postern-gateway postgresql@15-main; do
        echo "---- $unit"
        systemctl status --no-pager -n 0 $unit || true
        journalctl -u $unit --no-pager -o cat -n 60 || true
    done
    echo '---- agent'
    tail -20 /tmp/agent.log /tmp/held.out 2>/dev/null || true
    exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

property() { systemctl show -P "$2" "$1"; }
# eventually SECONDS COMMAND…
eventually() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.1
    done
}
is() { [ "$(property "$1" "$2")" = "$3" ]; }
expect() { is "$@" || fail "$1: $2 is '$(property "$1" "$2")', not '$3'"; }
expect_eventually() { eventually 20 is "$@" || fail "$1: $2 stays '$(property "$1" "$2")', not '$3'"; }
# As a person on this machine.
as_alice() { setpriv --reuid=alice --regid=alice --init-groups env HOME=/home/alice PGPASSWORD=alice-database PGCONNECT_TIMEOUT=10 "$@"; }
ask() { as_alice psql -X -A -t -h localhost -p 15432 -d orders -c "$1"; }
expect_answer() { local answer; answer=$(ask "select 'let in'" 2>&1) && [ "$answer" = 'let in' ] || fail "psql got: ${answer:-nothing}"; }
expect_whole() { postern-audit verify "$1" >/tmp/verify.out || fail "$(cat /tmp/verify.out)"; }
gateway_log=/var/log/postern-gateway/audit.jsonl
ca_log=/var/lib/postern-ca/audit.jsonl

say 'the units are in order'
for unit in postern-gateway postern-ca; do
    file=$(property $unit FragmentPath)
    errors=$(systemd-analyze verify --man=no "$file" 2>&1) && [ -z "$errors" ] || fail "systemd-analyze verify: $errors"
    systemd-analyze security --offline=true --threshold=20 --no-pager "$file" >/tmp/security.out 2>&1 ||
        fail "systemd-analyze security: $(grep -a Overall /tmp/security.out)"
    expect $unit LoadState loaded
done

say 'a gateway that is not set up says what it misses'
! systemctl start postern-gateway 2>/tmp/start.err || fail 'it started without a configuration'
grep -q -i assert /tmp/start.err || fail "$(cat /tmp/start.err)"

say 'CA service: init, start, and administration beside it'
postern-ca init --name localhost --trust-domain example.org >/dev/null
printf '\n[[gateway]]\nname = "gw1"\naddress = "localhost:7443"\n' >>/etc/postern/ca.toml
echo alice-login | postern-ca user add alice --group analysts --password-stdin
systemctl start postern-ca
expect postern-ca ActiveState active
expect postern-ca Type notify
expect postern-ca WatchdogUSec 30s
[ "$(stat -c %U /proc/"$(property postern-ca MainPID)")" = postern-ca ] || fail 'the CA service does not run as its dynamic user'
[ "$(stat -L -c %U /var/lib/postern-ca/state.db)" = postern-ca ] || fail 'the state does not belong to the service'
[ "$(stat -c %a:%U /etc/postern/ca.toml)" = 644:root ] || fail "ca.toml is $(stat -c %a:%U /etc/postern/ca.toml)"
echo bob-login | postern-ca user add bob --group visitors --password-stdin
[ -z "$(find /var/lib/private/postern-ca -not -user postern-ca)" ] || fail "root's in the service's folder: $(find /var/lib/private/postern-ca -not -user postern-ca)"
# What the service's user leaves in its folder leads root nowhere.
postern_ca_user=$(stat -L -c %u /var/lib/postern-ca/state.db)
systemctl stop postern-ca
mkdir -p -m 755 /srv/roots
mv /var/lib/private/postern-ca/state.db /var/lib/private/postern-ca/state.kept
ln -s /srv/roots/precious /var/lib/private/postern-ca/state.db
chown -h "$postern_ca_user" /var/lib/private/postern-ca/state.db
! postern-ca user list >/tmp/led.out 2>&1 || fail "user list went on: $(cat /tmp/led.out)"
[ -z "$(ls -A /srv/roots)" ] || fail "root made $(ls -A /srv/roots)"
mv /var/lib/private/postern-ca/state.kept /var/lib/private/postern-ca/state.db
systemctl start postern-ca
fingerprint=$(postern-ca fingerprint)
ca="--ca https://localhost:7444 --fingerprint $fingerprint"

say 'PostgreSQL that accepts client certificates alone'
mkdir -p /etc/postgresql/15/main/conf.d
postern-ca token create --service orders-db --dns localhost --json | jq -r .token |
    postern-ca enroll $ca --out-cert /etc/postgresql/server.pem --out-key /etc/postgresql/server.key \
    --out-user-ca /etc/postgresql/user-ca.pem --owner postgres >/dev/null
cat >/etc/postgresql/15/main/conf.d/postern.conf <<END
ssl = on
ssl_cert_file = '/etc/postgresql/server.pem'
ssl_key_file = '/etc/postgresql/server.key'
ssl_ca_file = '/etc/postgresql/user-ca.pem'
fsync = off
END
cat >/etc/postgresql/15/main/pg_hba.conf <<END
local all postgres peer
hostssl all all all scram-sha-256 clientcert=verify-full
END
systemctl restart postgresql@15-main
(cd / && setpriv --reuid=postgres --regid=postgres --init-groups psql -X -q <<END
create role alice login password 'alice-database';
create database orders owner alice;
END
)

say 'gateway: enroll, start'
sed -e 's|^listen = .*|listen = ["127.0.0.1:7443"]|' -e 's|https://ca.example.org:7444|https://localhost:7444|' \
    -e 's|db1.example.org:5432|localhost:5432|' -e 's|^# drain_timeout.*|drain_timeout = "20s"|' \
    -e 's|^# copies|copies|' /usr/local/share/doc/postern/examples/gateway.toml >/etc/postern/gateway.toml
postern-ca token create --gateway gw1 --dns localhost --json | jq -r .token | postern-gateway enroll $ca >/dev/null
[ "$(stat -c %a:%U /etc/postern/gateway.key)" = 600:root ] || fail "gateway.key is $(stat -c %a:%U /etc/postern/gateway.key)"
postern-gateway check-config >/dev/null
systemctl start postern-gateway
expect postern-gateway ActiveState active
expect postern-gateway WatchdogUSec 30s
[ "$(stat -c %U /proc/"$(property postern-gateway MainPID)")" = postern-gateway ] || fail 'the gateway does not run as its dynamic user'

say 'alice logs in and reaches PostgreSQL'
useradd --create-home alice
echo alice-login | as_alice postern login $ca --user alice --password-stdin >/dev/null
as_alice postern connect orders-db:15432 >/tmp/agent.log 2>&1 &
eventually 10 grep -q 15432 /tmp/agent.log
expect_answer
eventually 10 sh -c "journalctl SYSLOG_IDENTIFIER=postern-gateway-audit -o cat --no-pager | grep -q connection.accepted" ||
    fail 'the journal has no copy of the record'

say 'an invalid configuration is told once, not tried again and again'
systemctl stop postern-gateway
cp /etc/postern/gateway.toml /tmp/good.toml
echo 'nonsense = 1' >>/etc/postern/gateway.toml
! systemctl start postern-gateway 2>/dev/null || fail 'it started with an invalid configuration'
expect postern-gateway ExecMainStatus 3
sleep 2
expect postern-gateway ActiveState failed
expect postern-gateway NRestarts 0
cp /tmp/good.toml /etc/postern/gateway.toml
systemctl start postern-gateway
eventually 15 ask 'select 1' >/dev/null 2>&1 || fail 'nobody gets through'

# A psql that stays: held QUERY sends it one and gives the answer.
hold() {
    eval 'coproc held { as_alice psql -X -A -t -q -h localhost -p 15432 -d orders 2>&1 | tee /tmp/held.out; }' 2>/dev/null
    # Bash forgets it as soon as the process is gone.
    held_process=$held_PID
}
ask_held() {
    local answer
    echo "select '$1';" >&"${held[1]}"
    read -r -t 10 answer <&"${held[0]}" && [ "$answer" = "$1" ]
}
hold
ask_held 'before the reload' || fail 'the held connection does not work'

say 'root sees who is in, and nobody else may ask'
postern-gateway sessions --json | jq -e 'any(.user == "alice" and .service == "orders-db")' >/dev/null || fail 'sessions does not list alice'
! as_alice postern-gateway sessions >/dev/null 2>&1 || fail 'alice may list the sessions'

say 'reload keeps the process and the connection, and takes the new configuration'
pid=$(property postern-gateway MainPID)
printf '\n[[service]]\nname = "second"\nbackend = "localhost:5432"\n\n[[rule]]\nservices = ["second"]\ngroups = ["analysts"]\n' >>/etc/postern/gateway.toml
systemctl reload postern-gateway
expect_eventually postern-gateway ActiveState active
eventually 10 sh -c 'journalctl -u postern-gateway -o cat --no-pager | grep -qi reload' || fail 'it says nothing of a reload'
expect postern-gateway MainPID "$pid"
ask_held 'after the reload' || fail 'the reload dropped a connection'
as_alice postern services --json | grep -q second || fail 'the new service is not there'

say 'reload of a bad file keeps the old configuration'
cp /etc/postern/gateway.toml /tmp/good.toml
echo 'nonsense = 1' >>/etc/postern/gateway.toml
systemctl reload postern-gateway
sleep 0.5
expect_eventually postern-gateway ActiveState active
expect postern-gateway MainPID "$pid"
ask_held 'after the bad reload' || fail 'the bad reload dropped a connection'
expect_answer
cp /tmp/good.toml /etc/postern/gateway.toml
systemctl reload postern-gateway

say 'kill -9: systemd starts it again, and the audit log goes on'
systemctl kill --kill-whom=main -s KILL postern-gateway
expect_eventually postern-gateway NRestarts 1
expect_eventually postern-gateway ActiveState active
eventually 15 ask 'select 1' >/dev/null 2>&1 || fail 'nobody gets through after the restart'
expect_answer
expect_whole $gateway_log

say 'a gateway that hangs: the watchdog ends it, systemd starts it again'
mkdir -p /run/systemd/system/postern-gateway.service.d
printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/postern-gateway.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart postern-gateway
sleep 3
expect postern-gateway ActiveState active
pid=$(property postern-gateway MainPID)
kill -STOP "$pid"
eventually 20 sh -c "[ \"\$(systemctl show -P MainPID postern-gateway)\" != $pid ] && systemctl is-active -q postern-gateway" ||
    fail 'the watchdog did nothing'
journalctl -u postern-gateway -o cat --no-pager | grep -q -i watchdog || fail 'systemd does not tell of the watchdog'
eventually 15 ask 'select 1' >/dev/null 2>&1 || fail 'nobody gets through after the watchdog'
expect_whole $gateway_log

say 'stop drains: the live connection goes on, new ones are refused, the end is clean'
eval "exec ${held[1]}>&-"
wait "$held_process" 2>/dev/null || true
hold
ask_held 'before the stop' || fail 'the held connection does not work'
systemctl stop --no-block postern-gateway
expect_eventually postern-gateway SubState stop-sigterm
ask_held 'while draining' || fail 'the drain cut a connection'
! ask 'select 1' >/tmp/refused.out 2>&1 || fail 'a draining gateway let somebody in'
grep -q FATAL /tmp/refused.out || fail "psql was not told: $(cat /tmp/refused.out)"
ask_held 'still draining' || fail 'the drain cut a connection'
echo '\q' >&"${held[1]}"
expect_eventually postern-gateway ActiveState inactive
expect postern-gateway Result success
expect postern-gateway ExecMainStatus 0
expect_whole $gateway_log
postern-audit query $gateway_log --action connection.closed | grep -q alice || fail 'no record of the closed connection'
systemctl start postern-gateway
expect_answer

say 'the agent as a user service: started through its socket, ready when it says so, back after kill -9 with its ports'
useradd --create-home erin
erin_run=/run/user/$(id -u erin)
# What pam_systemd does at a login; this small tree is without it.
mkdir -p /run/systemd/system/user@.service.d
printf '[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\n' >/run/systemd/system/user@.service.d/runtime.conf
systemctl daemon-reload
systemctl start "user@$(id -u erin)"
as_erin() { setpriv --reuid=erin --regid=erin --init-groups env HOME=/home/erin XDG_RUNTIME_DIR="$erin_run" PGPASSWORD=alice-database PGCONNECT_TIMEOUT=10 "$@"; }
agent_property() { as_erin systemctl --user show -P "$1" postern-agent.service; }
agent_is() { [ "$(agent_property "$1")" = "$2" ]; }
erin_asks() { [ "$(as_erin psql -X -A -t -h "$1" -p 15433 -U alice -d orders -c "select 'let in'" 2>&1)" = 'let in' ]; }
eventually 20 test -S "$erin_run/systemd/private" || fail 'erin has no user manager'
for file in /usr/local/lib/systemd/user/postern-agent.*; do
    errors=$(as_erin systemd-analyze --user verify --man=no "$file" 2>&1) && [ -z "$errors" ] || fail "systemd-analyze verify: $errors"
done
as_erin systemctl --user enable --now postern-agent.socket 2>/dev/null
[ "$(stat -c %a:%U "$erin_run/postern/agent.sock")" = 600:erin ] || fail "the socket is $(stat -c %a:%U "$erin_run/postern/agent.sock")"
[ "$(stat -c %a:%U "$erin_run/postern")" = 700:erin ] || fail 'others may look into the folder of the socket'
agent_is ActiveState inactive || fail 'the agent runs before anybody asked for it'
echo alice-login | as_erin postern login $ca --user alice --password-stdin >/dev/null
agent_is ActiveState active || fail 'the first command did not start the agent through its socket'
agent_is Type notify || fail 'the agent does not tell when it is ready'
as_erin postern connect orders-db:15433 --background >/dev/null 2>&1
for host in localhost ::1 "$erin_run/postern"; do
    erin_asks "$host" || fail "nothing answers at $host"
done
! as_alice psql -X -h localhost -p 15433 -U alice -d orders -c 'select 1' >/tmp/other.out 2>&1 || fail 'another user was let in'
grep -q 'FATAL:  a process of another user' /tmp/other.out || fail "alice was not told: $(cat /tmp/other.out)"
pid=$(agent_property MainPID)
kill -KILL "$pid"
eventually 10 agent_is NRestarts 1 || fail 'systemd does not start the agent again'
eventually 10 erin_asks localhost || fail 'the port is not open again'
[ "$(agent_property MainPID)" != "$pid" ] || fail 'it is the same process'
as_erin systemctl --user restart postern-agent.service
eventually 10 erin_asks localhost || fail 'the port is not open after a restart'
as_erin systemctl --user stop postern-agent.service postern-agent.socket
[ ! -e "$erin_run/postern/agent.sock" ] || fail 'the socket is left behind'

say 'CA service: reload, kill -9, stop'
pid=$(property postern-ca MainPID)
systemctl reload postern-ca
sleep 0.3
expect_eventually postern-ca ActiveState active
expect postern-ca MainPID "$pid"
systemctl kill --kill-whom=main -s KILL postern-ca
expect_eventually postern-ca NRestarts 1
expect_eventually postern-ca ActiveState active
echo alice-login | as_alice postern login --password-stdin >/dev/null || fail 'no login after the restart of the CA service'
systemctl stop postern-ca
expect postern-ca Result success
expect postern-ca ExecMainStatus 0
expect_whole $ca_log
expect_answer
systemctl stop postern-gateway
expect postern-gateway Result success

say 'all of it'
touch $shared/passed
