#!/bin/bash
# include_order_test.sh CHECK ROOT: the check of include lines is right about a tree of its own, fails on each fault, and finds none in this one.
set -eu

check=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "include_order_test: $1" >&2
    cat "$work/told" >&2
    exit 1
}

# A tree of three folders, in which every include points down.
plant() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/app/top" "$work/tree/app/low" "$work/tree/common/base"
    printf '```folders\napp/top\napp/low app/beside\ncommon/base\n```\n' >"$work/tree/ARCHITECTURE.md"
    printf '#include "app/low/a.hpp"\n#include "base/c.hpp"\n' >"$work/tree/app/top/t.cpp"
    printf '#pragma once\n#include "base/c.hpp"\n' >"$work/tree/app/low/a.hpp"
    printf '#pragma once\n' >"$work/tree/common/base/c.hpp"
    printf '#include "app/top/t.hpp"\n' >"$work/tree/app/main.cpp"
}
# refuses WORDS: the check fails, and says so.
refuses() {
    if "$check" "$work/tree" >"$work/told" 2>&1; then
        fail "the check takes: $1"
    fi
    grep -q -e "$1" "$work/told" || fail "the check does not say: $1"
}

plant
"$check" "$work/tree" >"$work/told" 2>&1 || fail 'the check refuses a tree that is in order'

echo '#include "app/low/a.hpp"' >>"$work/tree/common/base/c.hpp"
refuses 'common/base/c.hpp includes app/low/a.hpp, which is not below it'

plant
mkdir "$work/tree/app/beside"
echo '#pragma once' >"$work/tree/app/beside/b.hpp"
echo '#include "app/beside/b.hpp"' >"$work/tree/app/low/a.cpp"
refuses 'app/low/a.cpp includes app/beside/b.hpp, which is not below it'

plant
echo '#include "b.hpp"' >>"$work/tree/app/low/a.hpp"
echo '#include "app/low/a.hpp"' >"$work/tree/app/low/b.hpp"
refuses 'a circle: app/low/a.hpp -> app/low/b.hpp -> app/low/a.hpp'

plant
mkdir "$work/tree/app/new"
echo >"$work/tree/app/new/n.cpp"
refuses 'app/new is not in the order'

plant
: >"$work/tree/ARCHITECTURE.md"
refuses 'no block'

"$check" "$root" >"$work/told" || fail 'this tree is out of order'
echo 'Every include points down, and the check would tell.'
