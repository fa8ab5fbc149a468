"""Boxes and masks: read from COCO's JSON, found for a picture, and laid where the model sees what they stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from generator.command.progress import Silent
from generator.config import load_config
from generator.errors import UserError
from generator.images import ImageRecord, load, scan
from generator.images.boxes import Annotations, Pictured, boxes, mask, read
from generator.model.preprocess import Preprocess
from generator.report.setup import set_up

PLAIN = Preprocess(size=(6, 8), crop="none", mean=(0.0,) * 3, std=(1.0,) * 3)
"""Resized to 6 x 8 and no more."""


def content(**changes: Any) -> dict[str, Any]:
    """One picture of 8 x 6 with a cat in a box."""
    whole: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "a.png", "width": 8, "height": 6}],
        "categories": [{"id": 1, "name": "Cat"}, {"id": 2, "name": "dog"}],
        "annotations": [{"id": 5, "image_id": 7, "category_id": 1, "bbox": [2, 1, 3, 2]}],
    }
    return {**whole, **changes}


def written(folder: Path, what: object) -> Path:
    path = folder / "boxes.json"
    path.write_text(what if isinstance(what, str) else json.dumps(what), encoding="utf-8")
    return path


def picture(folder: Path, name: str = "a.png", size: tuple[int, int] = (8, 6), **save: Any) -> ImageRecord:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path, **save)
    return next(record for record in scan(folder).images if record.path == path)


def said(annotations: Annotations, record: ImageRecord) -> Pictured:
    found = annotations.of(record)
    assert found is not None
    return found


def rows(found: Tensor) -> list[str]:
    return ["".join("#" if value else "." for value in row) for row in found.tolist()]


def covered(tmp_path: Path, annotation: dict[str, Any], preprocess: Preprocess = PLAIN) -> list[str]:
    """The mask of one annotation on a picture of 8 x 6."""
    record = picture(tmp_path)
    whole = content(annotations=[{"image_id": 7, "category_id": 1, **annotation}])
    return rows(mask(said(read(written(tmp_path, whole)), record), record, preprocess, ["cat"]))


# ---- shapes, by hand


def test_a_box_by_hand(tmp_path: Path):
    assert covered(tmp_path, {"bbox": [2, 1, 3, 2]}) == [
        "........",
        "..###...",
        "..###...",
        "........",
        "........",
        "........",
    ]


def test_a_polygon_and_what_is_cut_out_of_it_by_hand(tmp_path: Path):
    # a triangle with its right angle at the upper left: pixels whose centres lie above the diagonal
    triangle = [[0, 0, 6, 0, 0, 6]]
    found = covered(tmp_path, {"bbox": [0, 0, 8, 6], "segmentation": triangle})
    assert found == ["#####...", "####....", "###.....", "##......", "#.......", "........"]
    # several polygons are one object; a corner inside turns the even-odd rule
    two = covered(tmp_path, {"segmentation": [[0, 0, 2, 0, 2, 2, 0, 2], [5, 4, 8, 4, 8, 6, 5, 6]]})
    assert two == ["##......", "##......", "........", "........", ".....###", ".....###"]
    ring = covered(tmp_path, {"segmentation": [[0, 0, 5, 0, 5, 5, 0, 5, 0, 0, 1, 1, 1, 4, 4, 4, 4, 1, 1, 1]]})
    assert ring == ["#####...", "#...#...", "#...#...", "#...#...", "#####...", "........"]


def test_run_lengths_go_down_the_columns_by_hand(tmp_path: Path):
    # 6 + 1 not covered, then 3 covered: column 1, rows 1 to 3; 2 + 6 not, 6 covered: column 3
    runs = {"size": [6, 8], "counts": [7, 3, 8, 6, 24]}
    assert covered(tmp_path, {"bbox": [0, 0, 8, 6], "segmentation": runs}) == [
        "...#....",
        ".#.#....",
        ".#.#....",
        ".#.#....",
        "...#....",
        "...#....",
    ]


def test_a_box_is_taken_around_a_mask_that_has_none(tmp_path: Path):
    record = picture(tmp_path)
    shapes = [{"size": [6, 8], "counts": [7, 3, 8, 6, 24]}, [[0, 0, 6, 1, 0, 5]]]
    whole = content(annotations=[{"image_id": 7, "category_id": 1, "segmentation": shape} for shape in shapes])
    found = boxes(said(read(written(tmp_path, whole)), record), record, PLAIN)
    assert found == (("Cat", (1, 0, 4, 6)), ("Cat", (0, 0, 6, 5)))


def test_categories_are_compared_without_regard_to_case_and_others_left_out(tmp_path: Path):
    record = picture(tmp_path)
    dog = {"image_id": 7, "category_id": 2, "bbox": [0, 0, 1, 6]}
    annotations = read(written(tmp_path, content(annotations=[*content()["annotations"], dog])))
    assert annotations.categories == ("Cat", "dog")
    one = said(annotations, record)
    areas = [int(mask(one, record, PLAIN, names).sum()) for names in (["CAT"], ["Dog"], ["cat", "dog"], ["bird"], [])]
    assert areas == [6, 6, 12, 0, 0]
    assert [name for name, _ in boxes(one, record, PLAIN)] == ["Cat", "dog"]
    assert [name for name, _ in boxes(one, record, PLAIN, ["DOG"])] == ["dog"]


# ---- the model's view

VIEWS = [
    Preprocess(size=(32, 32), resize=40),
    Preprocess(size=(32, 48), crop="none"),
    Preprocess(size=(40, 40), resize=(48, 64)),
    Preprocess(size=(60, 50)),  # not resized: the crop alone
    Preprocess(size=(150, 170), resize=97),  # larger than the picture: padded
    Preprocess(size=(31, 29), resize=41),
]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", [(120, 90), (90, 121), (64, 64)])
@pytest.mark.parametrize("kind", ["box", "polygon", "runs"])
def test_a_mask_lies_where_the_model_sees_the_object(
    tmp_path: Path, view: Preprocess, size: tuple[int, int], kind: str
):
    width, height = size
    left, top, w, h = 0.3 * width, 0.35 * height, 0.4 * width, 0.3 * height
    left, top, w, h = (round(value) for value in (left, top, w, h))
    corners = [left, top, left + w, top, left + w, top + h, left, top + h]
    truth = np.zeros((height, width), dtype=bool)
    truth[top : top + h, left : left + w] = True
    flat = truth.T.flatten()
    ends = np.flatnonzero(np.diff(flat.astype(int))) + 1
    counts = np.diff([0, *ends, flat.size]).tolist()
    shape = {
        "polygon": {"segmentation": [corners]},
        "runs": {"segmentation": {"size": [height, width], "counts": counts}},
    }
    entry = {"image_id": 7, "category_id": 1, "bbox": [left, top, w, h], **shape.get(kind, {})}
    drawn = Image.new("RGB", size)
    ImageDraw.Draw(drawn).rectangle((left, top, left + w - 1, top + h - 1), fill="white")
    drawn.save(tmp_path / "a.png")
    (record,) = scan(tmp_path).images
    whole = content(images=[{"id": 7, "file_name": "a.png", "width": width, "height": height}], annotations=[entry])
    found = mask(said(read(written(tmp_path, whole)), record), record, view, ["Cat"])
    seen = view.denormalise(view(load(record)))[0]
    # smoothed edges are neither; within a pixel of them the picture is black or white
    sure = (seen < 0.02) | (seen > 0.98)
    assert found.shape == seen.shape
    assert bool(((seen > 0.5) == found)[sure].all())
    assert float(sure.double().mean()) > 0.5
    assert bool(found.any()) and not bool(found.all())


def test_boxes_are_brought_to_the_view_and_cut_to_it_by_hand(tmp_path: Path):
    record = picture(tmp_path, size=(80, 40))
    images = [{"id": 7, "file_name": "a.png", "width": 80, "height": 40}]
    entries = [[0, 0, 40, 20], [36, 10, 8, 8], [0, 0, 15, 40]]
    annotations = [{"image_id": 7, "category_id": 1, "bbox": entry} for entry in entries]
    one = said(read(written(tmp_path, content(images=images, annotations=annotations))), record)
    # shorter side 40 to 20: half the size; the crop of 20 x 20 begins at column 10; the third box lies left of it
    view = Preprocess(size=(20, 20), resize=20)
    assert boxes(one, record, view) == (("Cat", (0, 0, 10, 10)), ("Cat", (8, 5, 12, 9)))
    # they overlap in columns 8 and 9, rows 5 to 8
    assert int(mask(one, record, view, ["cat"]).sum()) == 100 + 16 - 8


def test_an_object_out_of_view_covers_nothing(tmp_path: Path):
    record = picture(tmp_path, size=(80, 40))
    images = [{"id": 7, "file_name": "a.png"}]
    annotations = [{"image_id": 7, "category_id": 1, "bbox": [0, 0, 10, 40]}]
    one = said(read(written(tmp_path, content(images=images, annotations=annotations))), record)
    view = Preprocess(size=(20, 20), resize=20)
    assert not bool(mask(one, record, view, ["cat"]).any())
    assert boxes(one, record, view) == ()


# ---- pictures that lie on their side in the file


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("frame", ["file", "upright"])
@pytest.mark.parametrize("kind", ["box", "polygon", "runs"])
def test_exif_turns_what_was_marked_in_the_file(tmp_path: Path, orientation: int, frame: str, kind: str):
    # in the file: 8 wide, 6 high, the object red; saved without loss, so that it can be found again
    stored = np.zeros((6, 8), dtype=bool)
    stored[1:3, 2:7] = True
    pixels = np.zeros((6, 8, 3), dtype=np.uint8)
    pixels[stored, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    (record,) = scan(tmp_path).images
    upright = np.asarray(load(record))[:, :, 0] > 128
    marked = stored if frame == "file" and orientation >= 5 else upright
    height, width = marked.shape
    ys, xs = np.nonzero(marked)
    left, top, right, bottom = (int(v) for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
    flat = marked.T.flatten()
    counts = np.diff([0, *(np.flatnonzero(np.diff(flat.astype(int))) + 1), flat.size]).tolist()
    shape: dict[str, Any] = {
        "box": {},
        "polygon": {"segmentation": [[left, top, right, top, right, bottom, left, bottom]]},
        "runs": {"segmentation": {"size": [height, width], "counts": counts}},
    }[kind]
    entry = {"image_id": 7, "category_id": 1, "bbox": [left, top, right - left, bottom - top], **shape}
    whole = content(images=[{"id": 7, "file_name": "a.png", "width": width, "height": height}], annotations=[entry])
    one = said(read(written(tmp_path, whole)), record)
    view = Preprocess(size=(record.height, record.width), crop="none")
    assert torch.equal(mask(one, record, view, ["cat"]), torch.from_numpy(upright.copy()))
    ys, xs = np.nonzero(upright)
    ((_, box),) = boxes(one, record, view)
    assert box == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


# ---- which picture is meant


def test_pictures_are_found_by_name_and_by_folder_where_names_are_not_enough(tmp_path: Path):
    first, second = picture(tmp_path, "cats/1.png"), picture(tmp_path, "dogs/1.png")
    lone, absent = picture(tmp_path, "lone.png"), picture(tmp_path, "absent.png")
    names = ["train/cats/1.png", "dogs\\1.png", "somewhere/else/lone.png", "not-here.png"]
    images = [{"id": k, "file_name": name} for k, name in enumerate(names)]
    annotations = read(written(tmp_path, content(images=images, annotations=[])))
    found = [annotations.of(record) for record in (first, second, lone, absent)]
    assert [None if one is None else one.name for one in found] == [*names[:3], None]


def test_a_name_that_two_pictures_share_is_an_error(tmp_path: Path):
    record = picture(tmp_path)
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.png"}]
    annotations = read(written(tmp_path, content(images=images, annotations=[])))
    with pytest.raises(UserError, match=r"2 of its images are called 'a\.png'"):
        annotations.of(record)


def test_annotations_of_a_picture_of_another_size_are_an_error(tmp_path: Path):
    record = picture(tmp_path)
    for size in ({"width": 16, "height": 12}, {"width": 6, "height": 8}):
        images = [{"id": 7, "file_name": "a.png", **size}]
        one = said(read(written(tmp_path, content(images=images))), record)
        with pytest.raises(UserError, match=r"in the annotations, but the picture '.*a\.png' is 8 x 6"):
            mask(one, record, PLAIN, ["cat"])
        with pytest.raises(UserError, match="in the annotations"):
            boxes(one, record, PLAIN)


def test_a_mask_says_how_large_its_picture_is_where_nothing_else_does(tmp_path: Path):
    record = picture(tmp_path)
    for size, fits in (([6, 8], True), ([12, 4], False)):
        annotations = [{"image_id": 7, "category_id": 1, "segmentation": {"size": size, "counts": [0, 48]}}]
        whole = content(images=[{"id": 7, "file_name": "a.png"}], annotations=annotations)
        one = said(read(written(tmp_path, whole)), record)
        if fits:
            assert bool(mask(one, record, PLAIN, ["cat"]).all())
        else:
            with pytest.raises(UserError, match="is 4 x 12 pixels in the annotations"):
                mask(one, record, PLAIN, ["cat"])


# ---- what may be wrong with a file

ONE = content()["annotations"][0]
WRONG: list[tuple[object, str]] = [
    ("{", "expected JSON in"),
    ("[" * 100_000, "expected JSON in"),
    ([1], "expected a list of objects under 'images'"),
    ({}, "expected a list of objects under 'images' as in COCO's JSON, received nothing"),
    (content(annotations={}), "under 'annotations' as in COCO's JSON, received dict"),
    (content(categories=[3]), "under 'categories'"),
    (content(images=[{"file_name": "a.png"}]), r"images\[0\]: expected the key 'id', it has 'file_name'"),
    (content(images=[{"id": 7}]), "image 7: expected the key 'file_name'"),
    (
        content(images=[{"id": 7, "file_name": "a.png", "width": "8", "height": 6}]),
        "image 7: expected a list of 2 numbers",
    ),
    (content(categories=[{"id": 1}]), r"categories\[0\]: expected the key 'name'"),
    (content(annotations=[{**ONE, "image_id": 8}]), r"annotations\[0\] is of image 8, which is not among its images"),
    (content(annotations=[{**ONE, "category_id": 9}]), r"annotations\[0\] is of category 9"),
    (content(annotations=[{**ONE, "image_id": None}]), "expected a number, received NoneType"),
    (content(annotations=[{"image_id": 7, "category_id": 1}]), "expected a bbox or a segmentation, it has neither"),
    (content(annotations=[{**ONE, "bbox": [1, 2, 3]}]), "expected a list of 4 numbers"),
    (content(annotations=[{**ONE, "bbox": [1, 2, float("nan"), 3]}]), "expected a list of 4 numbers"),
    (content(annotations=[{**ONE, "bbox": [1, 2, True, 3]}]), "expected a list of 4 numbers"),
    (content(annotations=[{**ONE, "bbox": [1, 2, -3, 3]}]), r"expected \[x, y, width, height\]"),
    (content(annotations=[{**ONE, "segmentation": [[1, 2, 3, 4]]}]), "three corners or more"),
    (content(annotations=[{**ONE, "segmentation": [[1, 2, 3, 4, 5, 6, 7]]}]), "received 7 numbers"),
    (content(annotations=[{**ONE, "segmentation": [1, 2, 3, 4, 5, 6]}]), "expected a list of numbers"),
    (content(annotations=[{**ONE, "segmentation": "x"}]), "expected a list of numbers"),
    (content(annotations=[{**ONE, "segmentation": {"size": [6, 8]}}]), "expected the key 'counts'"),
    (content(annotations=[{**ONE, "segmentation": {"size": [6, 8], "counts": "abc"}}]), "received a compressed string"),
    (content(annotations=[{**ONE, "segmentation": {"size": [6, 8], "counts": [1, 2]}}]), "add up to 6 x 8"),
    (content(annotations=[{**ONE, "segmentation": {"size": [6, 8], "counts": [50, -2]}}]), "add up to 6 x 8"),
    (content(annotations=[{**ONE, "segmentation": {"size": [8, 6], "counts": [48]}}]), "a mask of 8 x 6 pixels"),
    (
        content(annotations=[{**ONE, "segmentation": {"size": [10**9, 1], "counts": [10**9]}}]),
        "add up to 1000000000 x 1",
    ),
    (
        content(
            images=[{"id": 7, "file_name": "a.png"}],
            annotations=[{**ONE, "segmentation": {"size": [1, n], "counts": [n]}} for n in (4, 5)],
        ),
        "its masks have different sizes",
    ),
]


@pytest.mark.parametrize(("what", "words"), WRONG)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, what: object, words: str):
    with pytest.raises(UserError, match=words) as error:
        read(written(tmp_path, what))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("boxes: ")
    assert "boxes.json" in str(error.value)


def test_a_file_that_is_not_there_or_is_no_text(tmp_path: Path):
    with pytest.raises(UserError, match=r"cannot read .*none\.json"):
        read(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="expected JSON in"):
        read(tmp_path / "bytes.json")


def test_a_file_that_cannot_be_read_is_said_before_anything_runs(tmp_path: Path):
    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (8, 8)).save(images / "one.png")
    given = {"model": {"source": "tinyvgg_digits"}, "images": str(images), "store": str(tmp_path / "store")}
    config = load_config(None, {**given, "trust": {"boxes": str(tmp_path / "nowhere.json")}})
    with pytest.raises(UserError, match=r"nowhere\.json"):
        set_up(config, Silent())
