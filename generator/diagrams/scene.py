"""A picture as a list of plain shapes, which one painter writes as SVG and another as TikZ: the same geometry in both.

Pixels of 1/96 inch, y downwards. Colours are ``#rrggbb``. Classes name a shape to a page's style sheet.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from generator.diagrams.svg import Canvas, Drawing, Point, num


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    corners: tuple[Point, ...]
    fill: str
    stroke: str
    classes: str
    opacity: float = 1
    thickness: float = 0.75
    dashed: bool = False


@dataclass(frozen=True)
class Wire:
    """A line through points; dashed or not."""

    points: tuple[Point, ...]
    stroke: str
    classes: str
    thickness: float = 1.5
    dashed: bool = False


@dataclass(frozen=True)
class Disc:
    """A circle."""

    centre: Point
    radius: float
    fill: str
    stroke: str
    classes: str
    thickness: float = 1


@dataclass(frozen=True)
class Words:
    """One line of text from, around or up to a point of its baseline, turned by degrees clockwise."""

    at: Point
    text: str
    size: float
    fill: str
    classes: str
    anchor: str = "middle"
    angle: float = 0
    bold: bool = False


@dataclass(frozen=True)
class Photo:
    """A picture on a slanted face: `at` is the upper corner of its left edge; its right edge is `rise` higher, that is `slant`
    degrees lower."""

    at: Point
    width: float
    height: float
    slant: float
    rise: float
    href: str


@dataclass(frozen=True)
class Open:
    """Until the next `Close`, shapes belong together; `title` is their tooltip."""

    title: str
    classes: str
    id: str = ""


@dataclass(frozen=True)
class Close:
    """The end of what the last `Open` began."""


Shape = Area | Wire | Disc | Words | Photo | Open | Close


@dataclass
class Scene:
    """Shapes in the order in which they are painted."""

    width: float = 0
    height: float = 0
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Paint these over the others."""
        self.shapes += shapes

    def mirrored(self) -> Scene:
        """The same from right to left; text and pictures stay readable."""
        return Scene(self.width, self.height, [_mirrored(shape, self.width) for shape in self.shapes])


def _mirrored(shape: Shape, width: float) -> Shape:
    if isinstance(shape, Area):
        return replace(shape, corners=tuple((width - x, y) for x, y in shape.corners))
    if isinstance(shape, Wire):
        return replace(shape, points=tuple((width - x, y) for x, y in shape.points))
    if isinstance(shape, Disc):
        return replace(shape, centre=(width - shape.centre[0], shape.centre[1]))
    if isinstance(shape, Words):
        other = {"start": "end", "end": "start"}.get(shape.anchor, shape.anchor)
        return replace(shape, at=(width - shape.at[0], shape.at[1]), anchor=other, angle=-shape.angle)
    if isinstance(shape, Photo):
        x, y = shape.at
        return replace(shape, at=(width - x - shape.width, y - shape.rise), slant=-shape.slant, rise=-shape.rise)
    return shape


def to_svg(scene: Scene, title: str) -> Drawing:
    """The scene as a document called `title`."""
    canvas = Canvas()
    opened: list[AbstractContextManager[None]] = []
    for shape in scene.shapes:
        if isinstance(shape, Open):
            opened.append(canvas.group(title=shape.title, class_=shape.classes, data_id=shape.id or None))
            opened[-1].__enter__()
        elif isinstance(shape, Close):
            opened.pop().__exit__(None, None, None)
        elif isinstance(shape, Area):
            canvas.polygon(
                shape.corners,
                fill=shape.fill,
                fill_opacity=shape.opacity if shape.opacity < 1 else None,
                stroke=shape.stroke or None,
                stroke_width=shape.thickness if shape.stroke else None,
                stroke_dasharray="4 3" if shape.dashed else None,
                stroke_linejoin="round" if shape.stroke else None,
                class_=shape.classes,
            )
        elif isinstance(shape, Wire):
            d = "M" + "L".join(f"{num(x)} {num(y)}" for x, y in shape.points)
            dash = "4 3" if shape.dashed else None
            canvas.path(
                d, fill="none", stroke=shape.stroke, stroke_width=shape.thickness, stroke_dasharray=dash,
                stroke_linejoin="round", class_=shape.classes,
            )  # fmt: skip
        elif isinstance(shape, Disc):
            canvas.circle(
                shape.centre, shape.radius, fill=shape.fill, stroke=shape.stroke, stroke_width=shape.thickness,
                class_=shape.classes,
            )  # fmt: skip
        elif isinstance(shape, Words):
            (x, y), turn = shape.at, shape.angle
            canvas.text(
                shape.at,
                shape.text,
                shape.size,
                fill=shape.fill,
                text_anchor=None if shape.anchor == "start" else shape.anchor,
                font_weight="bold" if shape.bold else None,
                transform=f"rotate({num(turn)} {num(x)} {num(y)})" if turn else None,
                class_=shape.classes,
            )
        else:
            place = f"translate({num(shape.at[0])} {num(shape.at[1])}) skewY({num(shape.slant)})"
            canvas.image(0, 0, shape.width, shape.height, shape.href, transform=place, class_="ca-face")
    return canvas.drawing(scene.width, scene.height, title=title)
