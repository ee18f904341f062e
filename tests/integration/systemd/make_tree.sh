#!/bin/bash
# Makes the Debian tree that the systemd test boots: minimal system, systemd, PostgreSQL 15, the libraries that the programs
# need. Kept in a cache, named by what is in it, so that the next run takes it from there. Prints its path.
set -euo pipefail

cache=${POSTERN_TREE_CACHE:-/var/cache/postern-test}
packages="systemd systemd-sysv dbus libnss-systemd procps iproute2 curl jq openssl libssl3 libstdc++6
libsystemd0 libspdlog1.10 libfmt9 libargon2-1 libunistring2 libtomlplusplus3 libsqlite3-0 libsoci-core4.0 libsoci-sqlite3-4.0
postgresql-15 postgresql-client-15"
packages=$(echo $packages | tr ' ' ,)

fail() { echo "make_tree: error: $1" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || fail 'only root can make a system tree'
for tool in debootstrap flock apt-get; do
    command -v $tool >/dev/null || fail "$tool is missing: run scripts/install-deps --tests"
done

# The host's own source of Debian, whatever form its sources.list has.
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | awk '$2 == "bookworm" { print $1; exit }')
[ -n "$mirror" ] || fail 'apt knows no source of Debian bookworm'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
proxy=$(apt-config shell p Acquire::http::Proxy | sed -n "s/^p='\(.*\)'$/\1/p")
[ -z "$proxy" ] || export http_proxy=$proxy

tree=$cache/tree-$(echo "$packages 1" | sha256sum | cut -c1-12)
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$tree/.complete" ]; then
    rm -rf "$cache"/tree-* "$cache/building"
    log=$cache/debootstrap.log
    echo "make_tree: building a Debian tree (log: $log)" >&2
    started=$SECONDS
    debootstrap --variant=minbase --keyring="$keyring" --include="$packages" bookworm "$cache/building" "$mirror" >"$log" 2>&1 ||
        { tail -30 "$log" >&2; fail "debootstrap failed (log: $log)"; }
    rm -rf "$cache"/building/var/cache/apt/archives/*.deb "$cache"/building/usr/share/doc/* "$cache"/building/usr/share/locale/*
    : >"$cache/building/etc/machine-id"
    touch "$cache/building/.complete"
    mv "$cache/building" "$tree"
    echo "make_tree: done in $((SECONDS - started)) s" >&2
fi
echo "$tree"
