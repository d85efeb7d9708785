#!/bin/sh
# Makes the two fonts of the extract from Debian's PT Sans:
#   apt-get install fonts-paratype fonttools python3-fonttools
# polis.map is the one list of characters: it says which glyphs stay, under
# which name, and at which byte. Run by `go generate ./extract`.
set -eu
cd "$(dirname "$0")"
source=/usr/share/fonts/truetype/paratype
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

/usr/bin/python3 - "$source" "$work" <<'PYTHON'
import sys
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

source, work = sys.argv[1:]
glyphs = {}  # code point: glyph name that PDF readers turn back into text
for line in open("polis.map"):
    _, point, name = line.split()
    glyphs[int(point[2:], 16)] = name

for file, output, style in ("PTS55F", "polis-sans", "Regular"), ("PTS75F", "polis-sans-bold", "Bold"):
    font = TTFont(f"{source}/{file}.ttf", recalcTimestamp=False)
    missing = [f"U+{point:04X}" for point in glyphs if point not in font.getBestCmap()]
    if missing:
        sys.exit(f"{file} lacks {missing}")
    subsetter = Subsetter(Options(
        hinting=False, layout_features=[], glyph_names=True, legacy_kern=False,
        name_IDs=[0, 1, 2, 4, 6], name_languages=[0x409],
        drop_tables=["GSUB", "GPOS", "GDEF", "DSIG", "kern", "gasp", "LTSH", "FFTM"]))
    subsetter.populate(unicodes=glyphs)
    subsetter.subset(font)

    # The licence forbids the original name for a modified font.
    names = {1: "Polis Sans", 2: style, 4: f"Polis Sans {style}", 6: f"PolisSans-{style}"}
    for record in font["name"].names:
        if record.nameID in names:
            record.string = names[record.nameID]

    # Readers find a glyph by its name, so font and map must agree on it. (The
    # map calls the non-breaking space a space too, for copied text; in the font
    # a name stands once.)
    renamed = {old: glyphs[point] for point, old in font.getBestCmap().items() if point != 0xA0}
    font.save(f"{work}/whole.ttf")
    font = TTFont(f"{work}/whole.ttf", recalcTimestamp=False)
    font.setGlyphOrder([renamed.get(old, old) for old in font.getGlyphOrder()])
    font["post"].extraNames, font["post"].mapping = [], {}
    font.save(f"{work}/{output}.ttf")
PYTHON

# fpdf writes the differences from cp1252, which it reads from beside the map.
cp polis.map "$work"
cp "$(go list -m -f '{{.Dir}}' github.com/go-pdf/fpdf)/font/cp1252.map" "$work"
for font in polis-sans polis-sans-bold; do
	go run github.com/go-pdf/fpdf/makefont --embed --enc="$work/polis.map" --dst=. "$work/$font.ttf"
done
