#!/bin/bash
# What `cmake --install` puts beside the programs works where it is put, whatever --prefix says.
#   install_test.sh BUILD
set -euo pipefail

build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'install_test: error: %s\n' "$1" >&2; exit 1; }
# put FOLDERS… -- ARGS…: installs these folders of the build.
put() {
    local folders=()
    while [ "$1" != -- ]; do folders+=("$1"); shift; done
    shift
    for folder in "${folders[@]}"; do
        cmake --install "$build/$folder" "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "cmake --install $folder $*"; }
    done
}
# starts UNIT PROGRAM: that is what the unit starts.
starts() { grep -q "^ExecStart=$2 " "$1" || fail "$1 does not start $2: $(grep ^ExecStart= "$1")"; }

for prefix in /usr /usr/local /opt/postern; do
    tree=$work/stage$prefix
    DESTDIR=$work/stage put packaging -- --prefix "$prefix"
    starts "$tree/lib/systemd/system/postern-ca.service" "$prefix/bin/postern-ca"
    starts "$tree/lib/systemd/system/postern-gateway.service" "$prefix/bin/postern-gateway"
    starts "$tree/lib/systemd/user/postern-agent.service" "$prefix/bin/postern"
    [ "$(stat -c %a "$tree/lib/systemd/system/postern-ca.service")" = 644 ] || fail 'a unit is not for everybody to read'
done
[ -f "$work/stage/usr/share/zsh/vendor-completions/_postern" ] || fail 'zsh completion is not where zsh of Debian looks'
[ -f "$work/stage/usr/local/share/zsh/site-functions/_postern" ] || fail 'zsh completion is not where zsh looks below /usr/local'
[ ! -e "$work/stage/usr/local/share/zsh/vendor-completions" ] || fail 'zsh completion is in two places'

[ -d "$build/desktop-tray" ] || exit 0
# A desktop looks for who opens postern:// in mimeinfo.cache alone; that of a package is made where it is unpacked.
put desktop-tray -- --prefix "$work/here"
grep -q '^x-scheme-handler/postern=postern-tray.desktop' "$work/here/share/applications/mimeinfo.cache" || fail 'nothing opens postern://'
DESTDIR=$work/package put desktop-tray -- --prefix /usr
[ ! -e "$work/package/usr/share/applications/mimeinfo.cache" ] || fail 'a package has a mimeinfo.cache'
