#!/bin/sh
# Every text of the tray that people read is translated: what lupdate finds now is in the .ts files, finished.
#   tray_translations.sh LUPDATE SOURCE_FOLDER
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$2/translations/postern_de.ts" "$2/translations/postern_en.ts" "$work"
"$1" -silent -locations none "$2" -extensions cpp,hpp -I "$2/.." -ts "$work/postern_de.ts"
"$1" -silent -locations none -pluralonly "$2" -extensions cpp,hpp -I "$2/.." -ts "$work/postern_en.ts"
if grep -B 2 -E 'type="(unfinished|vanished|obsolete)"' "$work/postern_de.ts" "$work/postern_en.ts"; then
    echo 'not translated; update with: cmake --build BUILD --target postern_tray_lupdate, then Qt Linguist' >&2
    exit 1
fi
