#!/usr/bin/env python3
"""Reads every include line of the tree against the order of folders in ARCHITECTURE.md.

    include_order.py ROOT      exit code 1, and a line for each fault: an include that points up or sideways, a circle of
                               headers, a folder that the order does not name

The order is the block that is marked ```folders: a line of folders includes what lies in the lines below it. Folders of one line
know nothing of each other. A main.cpp includes whatever its program has.
"""
import os
import re
import sys

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
SEARCHED = ("", "common")


def read_order(root):
    """Folder to the number of its line; further down is lower."""
    with open(os.path.join(root, "ARCHITECTURE.md"), encoding="utf-8") as page:
        block = re.search(r"^```folders\n(.*?)^```", page.read(), re.MULTILINE | re.DOTALL)
    if not block:
        sys.exit("include_order: ARCHITECTURE.md has no block ```folders")
    return {folder: number for number, line in enumerate(block[1].splitlines()) for folder in line.split()}


def sources(root, order):
    """Every source below a folder that the order names, or below the same top folder."""
    for top in sorted({folder.split("/")[0] for folder in order}):
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if name.endswith((".cpp", ".hpp")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def resolve(root, source, name):
    for folder in (os.path.dirname(source), *SEARCHED):
        path = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, path)):
            return path
    return None


def circle(includes):
    """A circle of headers that include each other, or nothing."""
    done = set()

    def visit(header, way):
        if header in way:
            return way[way.index(header):] + [header]
        if header in done:
            return None
        for other in includes.get(header, ()):
            if found := visit(other, way + [header]):
                return found
        done.add(header)
        return None

    return next((found for header in sorted(includes) if (found := visit(header, []))), None)


def check(root):
    order = read_order(root)
    faults = []
    includes = {}
    unknown = set()
    for source in sources(root, order):
        with open(os.path.join(root, source), encoding="utf-8") as file:
            named = INCLUDE.findall(file.read())
        here = os.path.dirname(source)
        if here not in order and os.path.basename(source) != "main.cpp":
            unknown.add(here)
            continue
        for name in named:
            target = resolve(root, source, name)
            if target is None:
                continue  # made by the build
            includes.setdefault(source, []).append(target)
            there = os.path.dirname(target)
            if here == there or os.path.basename(source) == "main.cpp":
                continue
            if there not in order:
                unknown.add(there)
            elif order[there] <= order[here]:
                faults.append(f"{source} includes {target}, which is not below it")
    faults += [f"{folder} is not in the order of ARCHITECTURE.md" for folder in sorted(unknown)]
    headers = {source: targets for source, targets in includes.items() if source.endswith(".hpp")}
    if found := circle(headers):
        faults.append("a circle: " + " -> ".join(found))
    return faults


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) if found else "Every include points down.")
    sys.exit(1 if found else 0)
