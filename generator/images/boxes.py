"""Where the objects of an image set are: boxes and masks in COCO's JSON, brought to the model's view of a picture.

    {"images": [{"id", "file_name", "width", "height"}, …],
     "categories": [{"id", "name"}, …],
     "annotations": [{"image_id", "category_id", "bbox": [x, y, w, h], "segmentation": [[x, y, x, y, …], …]}, …]}

    photograph's pixels ─▶ upright ─▶ resized ─▶ cropped ─▶ mask (h, w): a pixel belongs where its centre lies inside

Coordinates are in pixels from the upper left corner of the picture as it is shown, turned as its EXIF data say. Where a
picture lies on its side in the file, and the JSON's `width` and `height` are those of the file, coordinates are the file's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generator.errors import UserError
from generator.images.decode import LIMIT_PIXELS, orientation
from generator.images.listing import ImageRecord
from generator.model.preprocess import Preprocess

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""
Points = NDArray[np.float64]
"""(n, 2): x and y of a polygon's corners."""


@dataclass(frozen=True, eq=False)
class Thing:
    """One object in a picture. It covers its mask or its polygons where it has them, else its box."""

    category: str
    """Hostile."""
    box: Box
    polygons: tuple[Points, ...] = ()
    mask: NDArray[np.bool_] | None = None
    """(height, width) of the picture."""


@dataclass(frozen=True, eq=False)
class Pictured:
    """What the file says of one picture."""

    name: str
    """Its file name there, with folders or without: hostile."""
    size: tuple[int, int] | None
    """(width, height) that the file says, if it does, or that a mask has."""
    things: tuple[Thing, ...]


@dataclass(frozen=True, eq=False)
class Annotations:
    """A file of boxes and masks."""

    path: Path
    pictures: tuple[Pictured, ...]
    categories: tuple[str, ...]

    def of(self, image: ImageRecord) -> Pictured | None:
        """What the file says of an image, found by its file name; None where it does not name it.

        Where several have that name, the one whose folders agree furthest with where the image lies.

        Raises:
            UserError: two fit equally well.
        """
        parts = image.path.parts
        fits: dict[int, list[Pictured]] = {}
        for picture in self.pictures:
            theirs = PurePosixPath(picture.name.replace("\\", "/")).parts
            agree = 0
            while agree < min(len(parts), len(theirs)) and parts[-1 - agree] == theirs[-1 - agree]:
                agree += 1
            if agree:
                fits.setdefault(agree, []).append(picture)
        if not fits:
            return None
        best = fits[max(fits)]
        if len(best) > 1:
            raise UserError(
                f"boxes: {self.path}: {len(best)} of its images are called {best[0].name!r}, expected one for "
                f"{str(image.path)!r}: give file names with their folders"
            )
        return best[0]


def read(path: Path) -> Annotations:
    """Read COCO-style JSON.

    Raises:
        UserError: no such file, no JSON, a missing or wrong key, an annotation of an unknown image or category.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"boxes: expected a COCO-style JSON file, cannot read {path} ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"boxes: expected JSON in {path}, but it cannot be read: {said}") from None
    where = str(path)
    images = {_id(entry, where, f"images[{k}]"): entry for k, entry in enumerate(_list(content, "images", where))}
    names = {
        _id(entry, where, f"categories[{k}]"): str(_get(entry, "name", where, f"categories[{k}]"))
        for k, entry in enumerate(_list(content, "categories", where))
    }
    things: dict[object, list[Thing]] = {}
    for k, entry in enumerate(_list(content, "annotations", where)):
        at = f"annotations[{k}]"
        image, category = _key(entry, "image_id", where, at), _key(entry, "category_id", where, at)
        if image not in images:
            raise UserError(f"boxes: {where}: {at} is of image {image!r}, which is not among its images")
        if category not in names:
            raise UserError(f"boxes: {where}: {at} is of category {category!r}, which is not among its categories")
        things.setdefault(image, []).append(
            _thing(entry, names[category], _size(images[image], where, image), where, at)
        )
    pictures = []
    for of, entry in images.items():
        name, these = str(_get(entry, "file_name", where, f"image {of!r}")), tuple(things.get(of, ()))
        size = _size(entry, where, of)
        shapes = {(thing.mask.shape[1], thing.mask.shape[0]) for thing in these if thing.mask is not None}
        if size is None and shapes:
            size, *more = sorted(shapes)
            if more:
                raise UserError(f"boxes: {where}: image {of!r}: its masks have different sizes, {size} and {more[0]}")
        pictures.append(Pictured(name, size, these))
    return Annotations(path, tuple(pictures), tuple(dict.fromkeys(names.values())))


def mask(
    picture: Pictured, image: ImageRecord, preprocess: Preprocess, categories: Collection[str]
) -> Bool[Tensor, "h w"]:
    """The pixels of the model's view on which an object of one of `categories` lies (upper and lower case are one).

    Raises:
        UserError: the file speaks of a picture of another size.
    """
    wanted = {category.casefold() for category in categories}
    turn = _turn(picture, image)
    view = View.of(preprocess, image.width, image.height)
    found = np.zeros(preprocess.size, dtype=bool)
    for thing in picture.things:
        if thing.category.casefold() in wanted:
            found |= _covered(thing, turn, view, preprocess.size)
    return torch.from_numpy(found)


def boxes(
    picture: Pictured, image: ImageRecord, preprocess: Preprocess, categories: Collection[str] | None = None
) -> tuple[tuple[str, Box], ...]:
    """Each object's category and box in pixels of the model's view, cut to it; objects outside are left out.

    Raises:
        UserError: the file speaks of a picture of another size.
    """
    wanted = None if categories is None else {category.casefold() for category in categories}
    turn = _turn(picture, image)
    view = View.of(preprocess, image.width, image.height)
    height, width = preprocess.size
    found = []
    for thing in picture.things:
        if wanted is None or thing.category.casefold() in wanted:
            corners = view.there(turn.points(np.array(thing.box).reshape(2, 2)))
            (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
            cut = (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
            if cut[0] < cut[2] and cut[1] < cut[3]:
                found.append((thing.category, cut))
    return tuple(found)


@dataclass(frozen=True)
class View:
    """Where the model's view of a picture lies in it: view = picture * scale - offset, in (x, y)."""

    scale: tuple[float, float]
    offset: tuple[float, float]

    @classmethod
    def of(cls, preprocess: Preprocess, width: int, height: int) -> View:
        """Of an upright picture of that size."""
        rows, columns = preprocess.resized_size(height, width)
        tops = [0.0, 0.0]
        if preprocess.crop == "center":
            tops = [_crop(have, want) for have, want in zip((rows, columns), preprocess.size, strict=True)]
        return cls((columns / width, rows / height), (tops[1], tops[0]))

    def there(self, points: Points) -> Points:
        """Picture to view."""
        return points * self.scale - self.offset

    def back(self, points: Points) -> Points:
        """View to picture."""
        return (points + self.offset) / self.scale


def _crop(have: int, want: int) -> float:
    """Where torchvision's centre crop begins; below zero where it pads."""
    return float(round((have - want) / 2)) if have >= want else float(-((want - have) // 2))


@dataclass(frozen=True)
class Turn:
    """How coordinates of the file become those of the upright picture: EXIF's orientation, and the file's size."""

    orientation: int
    width: int
    height: int

    def points(self, points: Points) -> Points:
        """(n, 2) upright."""
        x, y = points[:, 0], points[:, 1]
        w, h = self.width, self.height
        upright = {5: (y, x), 6: (h - y, x), 7: (h - y, w - x), 8: (y, w - x)}.get(self.orientation, (x, y))
        return np.stack(upright, axis=1)

    def mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(height, width) upright."""
        turned = {5: mask.T, 6: mask.T[:, ::-1], 7: mask.T[::-1, ::-1], 8: mask.T[::-1]}
        return turned.get(self.orientation, mask)


def _turn(picture: Pictured, image: ImageRecord) -> Turn:
    """What the file's coordinates of a picture have to be turned by: its size says in which of the two they are."""
    upright = Turn(1, image.width, image.height)
    if picture.size is None or picture.size == (image.width, image.height):
        return upright
    if picture.size == (image.height, image.width):
        try:
            with Image.open(image.path) as opened:
                turned = orientation(opened)
        except OSError:
            turned = 1
        if turned >= 5:
            return Turn(turned, *picture.size)
    raise UserError(
        f"boxes: {picture.name!r} is {picture.size[0]} x {picture.size[1]} pixels in the annotations, but the picture "
        f"{str(image.path)!r} is {image.width} x {image.height}: give annotations of these very pictures"
    )


def _covered(thing: Thing, turn: Turn, view: View, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of the view whose centres lie on the thing."""
    height, width = size
    if thing.mask is not None:
        upright = turn.mask(thing.mask)
        x = np.floor(view.back(np.stack([np.arange(width) + 0.5, np.zeros(width)], axis=1))[:, 0]).astype(int)
        y = np.floor(view.back(np.stack([np.zeros(height), np.arange(height) + 0.5], axis=1))[:, 1]).astype(int)
        inside = ((y >= 0) & (y < upright.shape[0]))[:, None] & ((x >= 0) & (x < upright.shape[1]))[None]
        return inside & upright[y.clip(0, upright.shape[0] - 1)][:, x.clip(0, upright.shape[1] - 1)]
    if thing.polygons:
        found = np.zeros(size, dtype=bool)
        for polygon in thing.polygons:
            found |= _filled(view.there(turn.points(polygon)), size)
        return found
    corners = view.there(turn.points(np.array(thing.box).reshape(2, 2)))
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    return ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]


def _filled(corners: Points, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels inside a polygon by the even-odd rule: each edge flips what lies to the right of it."""
    height, width = size
    flips = np.zeros((height, width + 1), dtype=np.int64)
    y = np.arange(height) + 0.5
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        rows = np.flatnonzero((y >= min(y1, y2)) & (y < max(y1, y2)))
        if len(rows):
            at = x1 + (y[rows] - y1) * (x2 - x1) / (y2 - y1)
            np.add.at(flips, (rows, np.ceil(at - 0.5).clip(0, width).astype(int)), 1)
    return flips.cumsum(axis=1)[:, :width] % 2 == 1


def _thing(entry: Mapping[str, Any], category: str, size: tuple[int, int] | None, where: str, at: str) -> Thing:
    shape = entry.get("segmentation")
    polygons: tuple[Points, ...] = ()
    runs: NDArray[np.bool_] | None = None
    if isinstance(shape, Mapping):
        runs = _runs(shape, size, where, at)
    elif shape:
        polygons = tuple(_polygon(part, where, at) for part in (shape if isinstance(shape, list) else [shape]))
    if entry.get("bbox") is not None:
        x, y, w, h = _numbers(entry["bbox"], where, f"{at}.bbox", 4)
        if w < 0 or h < 0:
            raise UserError(f"boxes: {where}: {at}.bbox: expected [x, y, width, height], received {entry['bbox']}")
        return Thing(category, (x, y, x + w, y + h), polygons, runs)
    if polygons:
        corners = np.concatenate(polygons)
        return Thing(category, (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()), polygons)
    if runs is not None:
        rows, columns = np.flatnonzero(runs.any(axis=1)), np.flatnonzero(runs.any(axis=0))
        box = (float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0) if len(rows) else (0.0,) * 4
        return Thing(category, box, (), runs)
    raise UserError(f"boxes: {where}: {at}: expected a bbox or a segmentation, it has neither")


def _polygon(part: object, where: str, at: str) -> Points:
    numbers = _numbers(part, where, f"{at}.segmentation")
    if len(numbers) < 6 or len(numbers) % 2:
        raise UserError(
            f"boxes: {where}: {at}.segmentation: expected three corners or more as [x, y, x, y, …], received "
            f"{len(numbers)} numbers"
        )
    return np.array(numbers).reshape(-1, 2)


def _runs(shape: Mapping[str, Any], size: tuple[int, int] | None, where: str, at: str) -> NDArray[np.bool_]:
    """Run lengths, down one column after the other, beginning with what is not covered."""
    at = f"{at}.segmentation"
    counts = _get(shape, "counts", where, at)
    if isinstance(counts, str):
        raise UserError(
            f"boxes: {where}: {at}: expected run lengths as a list of numbers, received a compressed string: decode it "
            "(pycocotools.mask.decode), or write polygons"
        )
    height, width = (int(side) for side in _numbers(_get(shape, "size", where, at), where, f"{at}.size", 2))
    lengths = [int(count) for count in _numbers(counts, where, f"{at}.counts")]
    if height * width > LIMIT_PIXELS or min(lengths, default=0) < 0 or sum(lengths) != height * width:
        raise UserError(
            f"boxes: {where}: {at}: expected run lengths that add up to {height} x {width}, received a sum of {sum(lengths)}"
        )
    if size is not None and size != (width, height):
        raise UserError(
            f"boxes: {where}: {at}: expected a mask of {size[0]} x {size[1]} pixels as its image, received {width} x {height}"
        )
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(width, height).T


def _list(content: object, key: str, where: str) -> list[Mapping[str, Any]]:
    found = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        got = "nothing" if found is None else type(found).__name__
        raise UserError(f"boxes: {where}: expected a list of objects under {key!r} as in COCO's JSON, received {got}")
    return found


def _get(entry: Mapping[str, Any], key: str, where: str, at: str) -> Any:
    if key not in entry:
        raise UserError(
            f"boxes: {where}: {at}: expected the key {key!r}, it has {', '.join(map(repr, entry)) or 'none'}"
        )
    return entry[key]


def _key(entry: Mapping[str, Any], key: str, where: str, at: str) -> int | str:
    found = _get(entry, key, where, at)
    if not isinstance(found, (int, str)):
        raise UserError(f"boxes: {where}: {at}.{key}: expected a number, received {type(found).__name__}")
    return found


def _id(entry: Mapping[str, Any], where: str, at: str) -> int | str:
    return _key(entry, "id", where, at)


def _size(entry: Mapping[str, Any], where: str, of: object) -> tuple[int, int] | None:
    """(width, height) of an entry of `images`; None where it does not say."""
    if entry.get("width") is None or entry.get("height") is None:
        return None
    width, height = _numbers([entry["width"], entry["height"]], where, f"image {of!r}", 2)
    return int(width), int(height)


def _numbers(found: object, where: str, at: str, length: int | None = None) -> Sequence[float]:
    def good(value: object) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)

    if not isinstance(found, list) or not all(good(value) for value in found) or length not in (None, len(found)):
        many = "numbers" if length is None else f"{length} numbers"
        raise UserError(f"boxes: {where}: {at}: expected a list of {many}, received {json.dumps(found)[:80]}")
    return [float(value) for value in found]
