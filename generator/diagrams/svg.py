"""SVG, written by us: a few shapes with plain attributes, so that every converter and every printer agrees.

No markers, no `var()`, no style sheets, no filters; arrowheads are polygons. Each shape may carry a class, by which a page's
style sheet recolours it for a dark screen: style sheets win over attributes. The same drawing is the same bytes, always.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from markupsafe import escape

from generator.pages.escape import clean

Point = tuple[float, float]
FONT = "Helvetica, Arial, Liberation Sans, sans-serif"


@dataclass(frozen=True)
class Drawing:
    """A finished drawing, in pixels of 1/96 inch."""

    width: float
    height: float
    svg: str
    """A whole document: ``<svg xmlns=… viewBox=…> … </svg>``, without an XML declaration."""


def num(value: float) -> str:
    """At most two decimals, halves upwards as in Math.floor(100 * value + 0.5) / 100: ``12``, ``0.5``, ``-3.25``."""
    text = f"{math.floor(value * 100 + 0.5) / 100:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def points(corners: Sequence[Point]) -> str:
    """``0,0 10,0 10,5``"""
    return " ".join(f"{num(x)},{num(y)}" for x, y in corners)


@dataclass
class Canvas:
    """Shapes, one after the other; `drawing` frames them."""

    parts: list[str] = field(default_factory=list)

    def shape(self, tag: str, **attributes: object) -> None:
        """``shape("rect", x=0, fill="none", class_="ca-box")``; numbers are rounded, None is left out, `_` becomes `-`."""
        self.parts.append(f"<{tag}{_written(attributes)}/>")

    def rect(self, x: float, y: float, width: float, height: float, **more: object) -> None:
        """An upright rectangle."""
        self.shape("rect", x=x, y=y, width=width, height=height, **more)

    def line(self, a: Point, b: Point, **more: object) -> None:
        """A straight line."""
        self.shape("line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], **more)

    def polygon(self, corners: Sequence[Point], **more: object) -> None:
        """A closed figure."""
        self.shape("polygon", points=points(corners), **more)

    def path(self, d: str, **more: object) -> None:
        """A path; its numbers are the caller's to write, by `num`."""
        self.shape("path", d=d, **more)

    def circle(self, centre: Point, radius: float, **more: object) -> None:
        """A circle."""
        self.shape("circle", cx=centre[0], cy=centre[1], r=radius, **more)

    def image(self, x: float, y: float, width: float, height: float, href: str, **more: object) -> None:
        """A picture, as a data address."""
        self.shape("image", x=x, y=y, width=width, height=height, preserveAspectRatio="none", href=href, **more)

    def text(self, at: Point, words: str, size: float, **more: object) -> None:
        """One line of text; `at` is on its baseline, at its start unless `text_anchor` says otherwise."""
        given = {"font_family": FONT, "font_size": size, **more}
        self.parts.append(f"<text{_written({'x': at[0], 'y': at[1], **given})}>{escape(clean(words))}</text>")

    def arrowhead(self, tip: Point, angle: float, size: float, **more: object) -> None:
        """A triangle that points to `angle` (radians, clockwise from the right), its tip at `tip`."""
        x, y = tip
        corners = [tip]
        for side in (-1, 1):
            turned = angle + math.pi + side * 0.42
            corners.append((x + size * math.cos(turned), y + size * math.sin(turned)))
        self.polygon(corners, **more)

    @contextmanager
    def group(self, *, title: str = "", href: str = "", **attributes: object) -> Iterator[None]:
        """Shapes that belong together, with a tooltip and a link; links are page-relative."""
        if href:  # plain href on an SVG link breaks in Material's instant loading
            self.parts.append(f"<a{_written({'xlink:href': href})}>")
        self.parts.append(f"<g{_written(attributes)}>")
        if title:
            self.parts.append(f"<title>{escape(clean(title))}</title>")
        yield
        self.parts.append("</g>")
        if href:
            self.parts.append("</a>")

    def drawing(self, width: float, height: float, *, title: str, x: float = 0, y: float = 0) -> Drawing:
        """What lies in (x, y, width, height), called `title` to those who cannot see it."""
        box = f"{num(x)} {num(y)} {num(width)} {num(height)}"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{num(width)}" '
            f'height="{num(height)}" viewBox="{box}" role="img" aria-label="{escape(clean(title))}">'
        )
        return Drawing(width, height, head + "".join(self.parts) + "</svg>")


def _written(attributes: dict[str, object]) -> str:
    found = []
    for name, value in attributes.items():
        if value is None:
            continue
        said = num(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
        found.append(f' {name.rstrip("_").replace("_", "-")}="{escape(clean(said))}"')
    return "".join(found)


# Widths in thousandths of the font size, of Helvetica's characters; those not named are as wide as a capital.
_WIDTHS = {
    **dict.fromkeys("ijl'|", 222), **dict.fromkeys(" ,.:;/\\!ft[]I", 278), **dict.fromkeys("-()r`", 333),
    **dict.fromkeys("csJkvxyz*", 500), **dict.fromkeys("abdeghnopquL0123456789_$?#", 556), **dict.fromkeys("+=<>~×÷", 584),
    **dict.fromkeys("FTZ", 611), **dict.fromkeys("ABEKPSVXY&", 667), **dict.fromkeys("CDHNRUw", 722), **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM", 833), **dict.fromkeys("W%", 944), **dict.fromkeys("@→…", 1000), "·": 278,
}  # fmt: skip
ROOM = 1.14
"""Other fonts than Helvetica are wider; a label must not be cut in them either."""


def text_width(words: str, size: float, *, bold: bool = False) -> float:
    """How much room a line of text takes, at most, in the fonts it may be drawn in."""
    wide = sum(_WIDTHS.get(c, 700 if ord(c) < 0x2E80 else 1000) for c in clean(words))
    return wide / 1000 * size * ROOM * (1.07 if bold else 1.0)
