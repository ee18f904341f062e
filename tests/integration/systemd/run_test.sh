#!/bin/bash
# The programs as systemd services: installs the build into a Debian tree, boots the tree, and runs inside.sh in it.
#
#   run_test.sh BUILD_DIR
#
# Needs root, debootstrap and systemd-nspawn; a thing that is missing fails the test. The tree is kept in
# /var/cache/postern-test (POSTERN_TREE_CACHE) for the next run.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: run_test.sh BUILD_DIR}" && pwd)
fail() { echo "systemd test: error: $1" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || fail 'only root can boot a system tree'
command -v systemd-nspawn >/dev/null || fail 'systemd-nspawn is missing: run scripts/install-deps --tests'

tree=$("$here/make_tree.sh")
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-systemd.XXXXXX")
nspawn=
clean() {
    [ -z "$nspawn" ] || { kill -TERM "$nspawn" 2>/dev/null && sleep 1; kill -KILL "$nspawn" 2>/dev/null; wait "$nspawn" 2>/dev/null; } || true
    umount "$work/root" 2>/dev/null || umount -l "$work/root" 2>/dev/null || true
    umount "$work/layers" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

# What is written lies in memory, above the tree and what was installed.
mkdir -p "$work"/{root,layers,stage,shared}
mount -t tmpfs -o size=2g,mode=0755 postern-systemd-test "$work/layers"
mkdir "$work/layers/upper" "$work/layers/work"
DESTDIR=$work/stage cmake --install "$build" >"$work/install.log" || { cat "$work/install.log" >&2; fail 'cmake --install failed'; }
# A server has no desktop, and the tree no Qt.
find "$work/stage" -name postern-tray -type f -delete
for program in postern postern-audit postern-ca postern-gateway; do
    [ -n "$(find "$work/stage" -name $program -type f -perm -u+x)" ] || fail "cmake --install did not install $program"
done
mount -t overlay overlay -o "lowerdir=$work/stage:$tree,upperdir=$work/layers/upper,workdir=$work/layers/work" "$work/root" ||
    fail 'cannot mount an overlay'
for program in "$work"/root/usr/local/bin/postern*; do
    missing=$(chroot "$work/root" ldd "${program#"$work/root"}" | grep 'not found') || continue
    fail "the tree lacks libraries of $program: $missing; name their packages in make_tree.sh"
done

cp "$here/inside.sh" "$work/shared/"
cat >"$work/root/etc/systemd/system/postern-test.service" <<END
[Unit]
Description=Test of Postern
After=multi-user.target postgresql.service
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
ExecStart=/bin/bash /postern-test/inside.sh
StandardOutput=append:/postern-test/log
StandardError=append:/postern-test/log
TimeoutStartSec=180

[Install]
WantedBy=multi-user.target
END
mkdir -p "$work/root/etc/systemd/system/multi-user.target.wants" "$work/root/etc/postern"
ln -s ../postern-test.service "$work/root/etc/systemd/system/multi-user.target.wants/"
: >"$work/shared/log"

echo 'systemd test: booting'
systemd-nspawn --quiet --boot --machine="postern-test-$$" --register=no --private-network --keep-unit --directory="$work/root" --bind="$work/shared:/postern-test" \
    --console=pipe </dev/null >"$work/console.log" 2>&1 &
nspawn=$!
for ((i = 0; i < 2200; i++)); do
    kill -0 "$nspawn" 2>/dev/null || break
    sleep 0.1
done
kill -0 "$nspawn" 2>/dev/null && echo 'systemd test: not done after 220 s' >>"$work/shared/log"
cat "$work/shared/log"
if [ ! -e "$work/shared/passed" ]; then
    echo '---- console' >&2
    tail -60 "$work/console.log" >&2
    fail 'see above'
fi
echo 'systemd test: passed'
