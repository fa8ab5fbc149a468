r"""A scene as one TeX file that needs nothing but TikZ: Debian's texlive-latex-base and texlive-pictures compile it.

    pdflatex blocks.tex       one page, as large as the picture; the tikzpicture can be pasted into a paper

Coordinates are those of the SVG, in units of 1/96 inch, y downwards. TikZ itself can show no picture from inside a file, so
one on the input's plane is drawn as a grid of coloured cells, `CELLS` along its longer side.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import unicodedata

from generator.diagrams.scene import Area, Disc, Photo, Scene, Shape, Wire, Words
from generator.diagrams.svg import Point, num
from generator.pages.escape import clean

CELLS = 32
UNIT = 0.75
"""Big points in a pixel."""
DASH = "dash pattern=on 3bp off 2.25bp"
_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": "$<$", ">": "$>$", "|": "$|$", "-": "{-}", "`": "{`}",
    "'": "{'}", '"': r"\symbol{125}", "×": r"$\times$", "·": r"$\cdot$", "…": "...", "∥": r"$\|$",
    "ß": r"{\ss}", "→": r"$\to$", "−": "$-$", "÷": r"$\div$", "\u00a0": "~", "[": "{[}", "]": "{]}", "*": "{*}", "?": "{?}", "!": "{!}",
    ",": "{,}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "yo",
            "zh",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
            "",
            "y",
            "",
            "e",
            "yu",
            "ya",
        ],
        strict=True,
    )
)
_SPELT = re.compile(r"(?:GREEK|HIRAGANA|KATAKANA|HANGUL)(?: CAPITAL| SMALL)? (?:LETTER|SYLLABLE) (?:SMALL )?([A-Z]+).*")


def tex(words: str) -> str:
    """Text that TeX prints as it is, accents too; letters that its plainest fonts lack are spelt in Latin ones where they have
    a name that says how, as Cyrillic, Greek, kana and Hangul have; Chinese ones
    are themselves where TeX has a font for them; others are named: ``U+4E2D``."""
    return "".join(map(_letter, clean(words)))


def _letter(c: str) -> str:
    if c in _SIGNS:
        return _SIGNS[c]
    if " " <= c <= "~":
        return c
    if c.lower() in _CYRILLIC:
        spelt = _CYRILLIC[c.lower()]
        return spelt if c.islower() else spelt.capitalize()
    base, *marks = list(unicodedata.normalize("NFKD", c))
    if base.isascii() and base.isalnum() and len(marks) == 1 and marks[0] in _ACCENTS:
        return f"\\{_ACCENTS[marks[0]]}{{{base}}}"
    if base.isascii() and base.isalnum() and all(mark.isascii() and mark.isalnum() for mark in marks):
        return "".join((base, *marks))
    if found := _SPELT.fullmatch(unicodedata.name(c, "")):
        return found[1].lower()
    return f"\\hanzi{{{c}}}{{U+{ord(c):04X}}}" if _simplified(c) else f"U+{ord(c):04X}"


def _simplified(c: str) -> bool:
    """Whether it is one of the signs of GB 2312, which the font gbsn has."""
    try:
        return "\u4e00" <= c <= "\u9fff" and len(c.encode("gb2312")) == 2
    except UnicodeEncodeError:
        return False


HANZI = (
    r"\newcommand{\hanzi}[2]{#2} % Chinese: by its number, or from the package CJKutf8 where that is there",
    r"\newcommand{\inhanzi}[2]{\begin{CJK}{UTF8}{gbsn}#1\end{CJK}}",
    r"\IfFileExists{CJKutf8.sty}{\usepackage{CJKutf8}\let\hanzi\inhanzi}{}",
)


def to_tex(scene: Scene, title: str) -> str:
    """The scene as a whole document; `title` stands in a comment."""
    colours: dict[str, str] = {}
    body = [line for shape in scene.shapes for line in _lines(shape, colours)]
    wide, high = num(scene.width * UNIT), num(scene.height * UNIT)
    said = "".join(c for c in clean(title) if " " <= c <= "~")
    defined = [rf"\definecolor{{{name}}}{{HTML}}{{{colour[1:].upper()}}}" for colour, name in colours.items()]
    return "\n".join(
        [
            f"% {said}",
            r"% pdflatex compiles this file by itself; in a paper, use the tikzpicture with \usepackage{tikz} and the colours.",
            r"\documentclass{article}",
            r"\usepackage{tikz}",
            *(HANZI if any(r"\hanzi{" in line for line in body) else ()),
            r"\pagestyle{empty}",
            rf"\pdfpagewidth={wide}bp \pdfpageheight={high}bp",
            rf"\paperwidth={wide}bp \paperheight={high}bp",
            r"\hoffset=-1in \voffset=-1in \topskip=0pt",
            *defined,
            r"\begin{document}",
            r"\shipout\hbox{\sffamily%",
            rf"\begin{{tikzpicture}}[x={num(UNIT)}bp, y=-{num(UNIT)}bp, line join=round, inner sep=0pt, outer sep=0pt]",
            rf"\path[use as bounding box] (0,0) rectangle ({num(scene.width)},{num(scene.height)});",
            *body,
            r"\end{tikzpicture}}",
            r"\end{document}",
            "",
        ]
    )


def _lines(shape: Shape, colours: dict[str, str]) -> list[str]:
    def colour(said: str) -> str:
        return colours.setdefault(said, f"ca{len(colours)}")

    if isinstance(shape, Area):
        more = [f"fill={colour(shape.fill)}"] if shape.fill != "none" else []
        more += [f"fill opacity={num(shape.opacity)}"] if shape.opacity < 1 else []
        more += [f"draw={colour(shape.stroke)}", _thick(shape.thickness)] if shape.stroke else []
        more += [DASH] if shape.dashed else []
        return [rf"\path[{', '.join(more)}] {_path(shape.corners)} -- cycle;"]
    if isinstance(shape, Wire):
        dash = f", {DASH}" if shape.dashed else ""
        return [rf"\draw[{colour(shape.stroke)}, {_thick(shape.thickness)}{dash}] {_path(shape.points)};"]
    if isinstance(shape, Disc):
        how = f"fill={colour(shape.fill)}, draw={colour(shape.stroke)}, {_thick(shape.thickness)}"
        return [rf"\path[{how}] {_at(shape.centre)} circle[radius={num(shape.radius * UNIT)}bp];"]
    if isinstance(shape, Words):
        size = num(shape.size * UNIT / 10)
        options = [f"anchor={_ANCHORS[shape.anchor]}", f"scale={size}", f"text={colour(shape.fill)}"]
        options += [f"rotate={num(-shape.angle)}"] if shape.angle else []
        text = tex(shape.text)
        said = rf"\textbf{{{text}}}" if shape.bold else text
        whole = clean(shape.text)
        as_is = f" % {whole}" if any(c.isalpha() and not c.isascii() for c in whole) else ""
        return [rf"\node[{', '.join(options)}] at {_at(shape.at)} {{{said}}};{as_is}"] if text else []
    return _cells(shape) if isinstance(shape, Photo) else []


def _thick(pixels: float) -> str:
    return f"line width={num(pixels * UNIT)}bp"


def _at(point: Point) -> str:
    return f"({num(point[0])},{num(point[1])})"


def _path(points: tuple[Point, ...]) -> str:
    return " -- ".join(_at(point) for point in points)


def _cells(photo: Photo) -> list[str]:
    """A grid of coloured cells; nothing where the data address holds no picture that can be read."""
    from PIL import Image

    try:
        data = base64.b64decode(photo.href.partition(",")[2], validate=True)
        picture = Image.open(io.BytesIO(data)).convert("RGB")
    except (binascii.Error, OSError, ValueError, Image.DecompressionBombError):
        return []
    longer = max(picture.size)
    across, down = (max(1, round(side / longer * CELLS)) for side in picture.size)
    small = picture.resize((across, down), Image.Resampling.BOX)
    (x, y), wide, high = photo.at, photo.width / across, photo.height / down
    found = []
    for column in range(across):  # each covers what is right of and below it, and is covered in turn: no seams
        x0, x1 = x + column * wide, x + photo.width
        lift0, lift1 = photo.rise * column / across, photo.rise
        for row in range(down):
            r, g, b = small.getpixel((column, row))  # type: ignore[misc]
            top, low = y + row * high, y + photo.height
            corners = ((x0, top - lift0), (x1, top - lift1), (x1, low - lift1), (x0, low - lift0))
            found.append(rf"\fill[color={{rgb,255:red,{r};green,{g};blue,{b}}}] {_path(corners)} -- cycle;")
    return found
