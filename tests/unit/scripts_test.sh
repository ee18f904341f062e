#!/bin/bash
# The scripts that build and install, with cmake, ctest, sudo and apt-get played by programs that write down how they were called.
set -euo pipefail

root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
calls=$work/calls
fail() { cat "$calls" >&2; printf 'scripts_test: error: %s\n' "$1" >&2; exit 1; }

mkdir -p "$work/tree" "$work/programs"
cp -r "$root/scripts" "$root/.ci" "$work/tree"
# play NAME: a program of that name; what it does is on standard input.
play() {
    { printf '#!/bin/sh\necho "%s $*" >>"%s"\n' "$1" "$calls"; cat; } >"$work/programs/$1"
    chmod +x "$work/programs/$1"
}
export PATH=$work/programs:$PATH

# ---------------------------------------------------------------- a configuration that failed is made again

cp "$work/tree/scripts/install-deps" "$work/install-deps"
printf '#!/bin/sh\n' >"$work/tree/scripts/install-deps"
play cmake <<'END'
[ "$1" = --preset ]  # what is built is of no interest
END
# after_failure PRESET SCRIPT…: the script on a build folder as a failed configuration leaves it.
after_failure() {
    local preset=$1
    shift
    rm -rf "$work/tree/build"
    mkdir -p "$work/tree/build/$preset"
    : >"$work/tree/build/$preset/CMakeCache.txt"
    : >"$calls"
    ! "$@" >"$work/log" 2>&1 || fail "$1 does not need the build"
    grep -q "^cmake --preset $preset" "$calls" || fail "$1 does not configure what it builds"
}
after_failure dev "$work/tree/scripts/test"
grep -q -e -DPOSTERN_TRAY=ON "$calls" || fail 'the tests go without the tray'
after_failure asan "$work/tree/scripts/test" --preset asan
after_failure dev "$work/tree/scripts/screenshots"
after_failure dev "$work/tree/.ci/run"
after_failure release "$work/tree/scripts/bench" --quick
after_failure demo "$work/tree/scripts/demo"
# A build folder that is configured already.
: >"$work/tree/build/demo/build.ninja"
: >"$calls"
! "$work/tree/scripts/demo" >/dev/null 2>&1 || fail 'the demo does not need the build'
! grep -q -e --preset "$calls" || fail 'the demo configures what is configured'
mkdir -p "$work/tree/build/dev"
: >"$work/tree/build/dev/build.ninja"
: >"$calls"
! "$work/tree/scripts/test" >/dev/null 2>&1 || fail 'the tests do not need the build'
grep -q -e -DPOSTERN_TRAY=ON "$calls" || fail 'the tests go without the tray when the build folder is of old'

# ---------------------------------------------------------------- install-deps, as somebody with sudo

mkdir "$work/etc" "$work/tmp"
sed "s|/etc/postgresql-common|$work/etc|g; s|/usr/sbin/policy-rc.d|$work/policy-rc.d|g" "$work/install-deps" >"$work/programs/install-deps"
chmod +x "$work/programs/install-deps"
play id <<'END'
echo 1000
END
play dpkg-query <<'END'
exit 1
END
# As sudo does: the environment goes, but for what is asked for by name.
play sudo <<'END'
kept=
case $1 in
    --preserve-env=*)
        for name in $(echo "${1#*=}" | tr , ' '); do
            eval "[ -z \"\${$name-}\" ] || kept=\"\$kept $name=\$$name\""
        done
        shift ;;
esac
exec env -i PATH="$PATH" $kept "$@"
END
play apt-get <<END
echo "proxy \${http_proxy-none}" >>"$calls"
[ -e "$work/policy-rc.d" ] || echo 'services may start' >>"$calls"
END
# Runs in $work/tmp, which must be empty then.
install_deps() {
    local code=0
    : >"$calls"
    TMPDIR=$work/tmp install-deps --bench >"$work/log" 2>&1 || code=$?
    [ ! -e "$work/policy-rc.d" ] || fail "install-deps, exit code $code, leaves a policy that no service may start"
    [ -z "$(ls -A "$work/tmp")" ] || fail "install-deps, exit code $code, leaves its log"
    return $code
}
unset http_proxy https_proxy no_proxy
install_deps || fail 'install-deps failed'
! grep -q 'services may start' "$calls" || fail 'what is only measured may start by itself'
! grep -q 'sudo --preserve-env' "$calls" || fail 'sudo is asked for more than is needed'
http_proxy=http://proxy:3128 install_deps || fail 'install-deps failed behind a proxy'
[ "$(grep -c '^proxy http://proxy:3128$' "$calls")" = 2 ] || fail 'apt-get goes without the proxy'
for signal in INT TERM HUP; do
    play apt-get <<END
kill -$signal \$PPID
sleep 0.1
END
    ! install_deps || fail "install-deps goes on after SIG$signal"
done

echo 'The scripts do what they say.'
