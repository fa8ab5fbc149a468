"""Encoding: every raw number can be had back within half a gray level, and every tile stands where it is said to."""

from __future__ import annotations

import gc
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch

from generator.artifacts import ChannelMaps, Curve, Heatmap, ImageGrid, InputMap, Kernels
from generator.encode import MAX_SIDE, Grid, encode, from_npy, npy, quantise


def decoded(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return picture[..., ::-1] if picture.ndim == 3 else picture


def tile(sheet: np.ndarray, meta: dict, k: int) -> np.ndarray:
    h, w = meta["tile"]
    row, column = divmod(k, meta["columns"])
    return sheet[row * (h + 1) : row * (h + 1) + h, column * (w + 1) : column * (w + 1) + w]


def seeded(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_quantised_by_hand():
    gray, lo, hi = quantise(np.array([[[0.0, 1.0], [2.0, 4.0]], [[3.0, 3.0], [3.0, 3.0]]], np.float32), signed=False)
    assert gray.tolist() == [[[0, 64], [128, 255]], [[0, 0], [0, 0]]]
    assert (lo.tolist(), hi.tolist()) == ([0.0, 3.0], [4.0, 3.0])
    gray, lo, hi = quantise(np.array([[[0.0, -4.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]], np.float32), signed=True)
    assert gray.tolist() == [[[128, 1], [192, 160]], [[128, 128], [128, 128]]]
    assert (lo.tolist(), hi.tolist()) == ([-4.0, 0.0], [4.0, 0.0])


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (37, 14, 14), (300, 3, 9)])
def test_every_unsigned_map_comes_back_within_half_a_level(shape: tuple[int, int, int]):
    values = seeded(2, *shape).abs()
    made = encode(ChannelMaps(values), 1)
    sheet = decoded(made.blobs["atlas.png"])
    assert list(sheet.shape) == made.meta["size"] == list(Grid.of(*shape).size)
    for k in range(shape[0]):
        lo, hi = made.meta["lo"][k], made.meta["hi"][k]
        back = lo + tile(sheet, made.meta, k) / 255 * (hi - lo)
        np.testing.assert_allclose(back, values[1, k], atol=(hi - lo) / 510 + 1e-4 * hi)


def test_signed_maps_keep_their_true_ends():
    values = torch.tensor([[[[-1.0, 4.0]], [[-8.0, 2.0]]]])
    meta = encode(ChannelMaps(values, signed=True)).meta
    assert (meta["lo"], meta["hi"]) == ([-4.0, -8.0], [4.0, 8.0])
    assert (meta["raw_lo"], meta["raw_hi"]) == ([-1.0, -8.0], [4.0, 2.0])
    assert meta["full"] == pytest.approx(np.quantile(np.abs(np.asarray(values[0])), 0.95, axis=(1, 2)), rel=1e-4)


def test_whether_a_map_is_signed_does_not_depend_on_the_rest_of_the_batch():
    values = torch.tensor([[[[1.0, 2.0]]], [[[-1.0, 2.0]]]])
    assert [encode(ChannelMaps(values, signed=True), n).meta["signed"] for n in (0, 1)] == [False, True]


def test_borders_are_zero_and_no_tile_bleeds():
    sheet = decoded(
        encode(
            ChannelMaps(torch.tensor([1.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3) + seeded(1, 2, 3, 3).abs())
        ).blobs["atlas.png"]
    )
    assert sheet.shape == (3, 7) and (sheet[:, 3] == 0).all()


@pytest.mark.parametrize(
    "count, h, w", [(1, 1, 1), (64, 112, 112), (2048, 7, 7), (2048, 90, 90), (3, 3000, 20), (10, 20, 3000)]
)
def test_no_atlas_is_larger_than_a_browser_likes(count: int, h: int, w: int):
    grid = Grid.of(count, h, w)
    assert grid.columns * grid.rows >= count > grid.columns * (grid.rows - 1)
    assert max(grid.size) <= MAX_SIDE or count * h * w > MAX_SIDE**2 // 2


def test_maps_too_large_for_one_atlas_are_reduced_and_say_so():
    values = torch.ones(1, 40, 1024, 1024)
    values[0, 3, 5, 5] = 9.0
    meta = encode(ChannelMaps(values)).meta
    assert max(meta["size"]) <= MAX_SIDE
    assert meta["reduced"] == [1024, 1024] and meta["raw_hi"][3] == 9.0 > meta["hi"][3]


def test_the_scale_is_that_of_the_finite_values():
    gray, lo, hi = quantise(np.array([[[1.0, 2.0, 3.0, np.inf, -np.inf, np.nan]]], np.float32), signed=False)
    assert (lo.tolist(), hi.tolist()) == ([1.0], [3.0])
    assert gray.tolist() == [[[0, 128, 255, 255, 0, 0]]]
    gray, lo, hi = quantise(np.array([[[-1.0, 2.0, np.inf, -np.inf, np.nan]]], np.float32), signed=True)
    assert (lo.tolist(), hi.tolist()) == ([-2.0], [2.0])
    assert gray.tolist() == [[[64, 255, 255, 1, 128]]]
    meta = encode(ChannelMaps(torch.tensor([[[[-1.0, float("inf"), 2.0]]]]), signed=True)).meta
    assert (meta["raw_lo"], meta["raw_hi"], meta["not_finite"]) == ([-1.0], [2.0], 1)


def test_non_finite_values_are_drawn_and_break_nothing():
    meta = encode(ChannelMaps(torch.tensor([[[[float("nan"), float("inf"), 1.0]]]]))).meta
    assert np.isfinite(meta["lo"] + meta["hi"]).all()


def test_heat_and_input_maps_are_kept_unrounded():
    values = seeded(2, 5, 6)
    assert torch.equal(torch.from_numpy(from_npy(encode(Heatmap(values), 1).blobs["values.npy"])), values[1])
    assert from_npy(encode(InputMap(seeded(1, 3, 4, 4))).blobs["values.npy"]).shape == (3, 4, 4)


def test_heat_starts_at_zero_and_says_when_it_is_empty():
    made = encode(Heatmap(torch.tensor([[[1.0, 3.0]]])))
    assert (made.meta["lo"], made.meta["hi"], made.meta["empty"]) == (0.0, 3.0, False)
    assert (made.meta["size"], list(made.blobs["raw.gray"])) == ([1, 2], [85, 255])
    assert encode(Heatmap(torch.zeros(1, 2, 2))).meta["empty"]
    signed = encode(Heatmap(torch.tensor([[[-4.0, 2.0]]]), signed=True))
    assert (signed.meta["lo"], signed.meta["hi"]) == (-4.0, 4.0)
    assert list(signed.blobs["raw.gray"]) == [1, 192]


def test_a_map_of_many_places_is_a_picture_and_a_small_one_its_bytes():
    ramp = torch.linspace(0, 1, 64 * 65).view(1, 65, 64)
    assert set(encode(Heatmap(ramp)).blobs) == {"values.npy", "raw.png"}
    assert np.array_equal(
        decoded(encode(Heatmap(ramp)).blobs["raw.png"])[:64].ravel(), np.rint(ramp[0, :64].numpy().ravel() * 255)
    )
    assert set(encode(Heatmap(ramp[:, :64])).blobs) == {"values.npy", "raw.gray"}


def test_input_maps_as_strength_and_as_colour_around_gray():
    values = torch.zeros(1, 3, 1, 2)
    values[0, 0, 0, 0], values[0, 2, 0, 0], values[0, 1, 0, 1] = 2.0, -2.0, 2.0
    made = encode(InputMap(values))
    assert decoded(made.blobs["heat.png"]).tolist() == [[255, 255]]
    flat = torch.zeros(1, 3, 16, 32)
    flat[0, 0, :, :16], flat[0, 2, :, :16], flat[0, 1, :, 16:] = 2.0, -2.0, 2.0
    drawn = decoded(encode(InputMap(flat)).blobs["picture.jpg"]).astype(int)
    for column, colour in ((4, (255, 128, 1)), (28, (128, 255, 128))):  # JPEG: within a few levels
        assert np.abs(drawn[8, column] - colour).max() <= 6
    loud = torch.ones(1, 1, 40, 40)
    loud[0, 0, 0, 0] = 1e6  # one loud pixel does not turn the rest gray
    assert (decoded(encode(InputMap(loud)).blobs["heat.png"]) == 255).all()


def test_first_layer_kernels_are_rgb_with_gray_at_zero():
    W = torch.zeros(2, 3, 2, 2)
    W[0, 0, 0, 0], W[0, 1, 1, 1] = 2.0, -1.0
    made = encode(Kernels(W))
    sheet = decoded(made.blobs["atlas.png"])
    first = tile(sheet, made.meta, 0)
    assert made.meta["mode"] == "rgb" and made.meta["hi"] == [2.0, 0.0] and made.meta["raw_lo"] == [-1.0, 0.0]
    assert first[0, 0].tolist() == [255, 128, 128] and first[1, 1].tolist() == [128, 64, 128]
    assert (tile(sheet, made.meta, 1) == 128).all()


def test_deeper_kernels_show_the_strongest_input_and_keep_every_slice():
    W = torch.zeros(2, 4, 3, 3)
    W[0, 2], W[1, 0], W[1, 3] = 1.0, 0.5, -3.0
    made = encode(Kernels(W))
    assert made.meta["mode"] == "strongest" and made.meta["strongest"] == [2, 3]
    assert (tile(decoded(made.blobs["atlas.png"]), made.meta, 1) == 1).all()  # -3 at a scale of +-3
    assert set(made.blobs) == {"atlas.png", *(f"input-{i}.png" for i in range(4))}
    assert (tile(decoded(made.blobs["input-0.png"]), made.meta["slices"]["0"], 1) == 255).all()


def test_one_by_one_kernels_are_their_weights_in_reading_order():
    made = encode(Kernels(torch.tensor([[1.0, -2.0, 0.0, 2.0, 1.0]]).view(1, 5, 1, 1)))
    assert made.meta["mode"] == "weights" and made.meta["tile"] == [2, 3]
    assert decoded(made.blobs["atlas.png"]).tolist() == [[192, 1, 128], [255, 192, 128]]


def test_depthwise_kernels_are_one_a_unit():
    assert encode(Kernels(seeded(6, 1, 3, 3), groups=6)).meta["mode"] == "depthwise"


def test_pictures_are_red_green_blue():
    values = torch.zeros(1, 3, 2, 2)
    values[0, 0] = 1.0
    made = encode(ImageGrid(values, (17,), (0.5,), ("asleep",), ((0.123456789, float("nan")),)))
    assert decoded(made.blobs["atlas.png"])[0, 0].tolist() == [255, 0, 0]
    assert made.meta["units"] == [17] and made.meta["dead"] == ["asleep"]
    assert made.meta["curves"] == [[0.12346, None]]
    assert list(made.blobs) == ["atlas.png"]


def test_a_score_that_is_no_number_is_zero_and_json_able():
    made = encode(ImageGrid(torch.zeros(2, 1, 2, 2), (0, 1), (float("nan"), float("inf")), ("a", "b")))
    assert json.loads(json.dumps(made.meta, allow_nan=False))["scores"] == [0.0, 0.0]


def test_a_unit_alone_keeps_its_variants_its_opacity_and_its_course():
    pictures, frames = seeded(3, 3, 4, 6), seeded(5, 3, 120, 180)
    grid = ImageGrid(
        pictures[None, 0],
        (7,),
        (3.0,),
        ("",),
        ((1.0, 2.0),),
        pictures[None],
        ((3.0, 2.5, 1.0),),
        torch.tensor([[[0.0, 0.5], [1.0, 0.2]]]),
        {7: frames},
    )
    made = encode(grid)
    assert set(made.blobs) == {"atlas.png", "variants.png", "opacity.png", "course.webp"}
    assert made.meta["variants"]["scores"] == [3.0, 2.5, 1.0] and made.meta["variants"]["count"] == 3
    first = tile(decoded(made.blobs["variants.png"]), made.meta["variants"], 0)
    assert np.array_equal(first, decoded(made.blobs["atlas.png"]))
    assert decoded(made.blobs["opacity.png"]).tolist() == [[0, 128], [255, 51]]
    assert made.meta["course"] == {"size": [64, 96], "frames": 5}  # 120 x 180, shrunk to 96
    several = encode(ImageGrid(pictures, (1, 7, 9), (1.0,) * 3, ("",) * 3, ((1.0,),) * 3, courses={7: frames}))
    assert list(several.blobs) == ["atlas.png"]
    whole = ImageGrid(
        pictures, (1, 7, 9), (1.0, 2.0, 3.0), ("", "x", ""), ((1.0,), (2.0,), (3.0,)), courses={7: frames}
    )
    alone = whole.of(1)
    assert (alone.units, alone.scores, alone.dead, alone.curves, list(alone.courses)) == (
        (7,),
        (2.0,),
        ("x",),
        ((2.0,),),
        [7],
    )
    assert torch.equal(alone.values, pictures[1:2]) and not whole.of(0).courses


def test_what_nothing_draws_is_told():
    with pytest.raises(TypeError, match="Curve"):
        encode(Curve((0.0,), (1.0,)))


def test_large_maps_are_drawn_in_64_levels_with_both_ends_and_zero():
    values = torch.linspace(-1, 1, 60 * 60).reshape(1, 1, 60, 60)
    for signed in (False, True):
        gray = decoded(encode(ChannelMaps(values, signed=signed)).blobs["atlas.png"])
        exact = np.asarray(128 + np.rint(values[0, 0] * 127) if signed else np.rint((values[0, 0] + 1) / 2 * 255))
        assert len(np.unique(gray)) <= 65
        assert (gray.min(), gray.max()) == ((0, 255) if not signed else (gray.min(), 255))
        assert np.abs(gray.astype(int) - exact).max() <= 2  # a 64th is four levels: at most half of that off
        if signed:
            assert (gray[exact == 128] == 128).all()
    small = decoded(encode(ChannelMaps(values[..., :40, :40])).blobs["atlas.png"])
    assert len(np.unique(small)) > 200


def test_the_strength_of_a_large_input_map_is_a_picture_near_the_exact_one():
    ramp = torch.linspace(0, 1, 120)[None, None, None].expand(1, 1, 120, 120)
    made = encode(InputMap(ramp))
    assert "heat.png" not in made.blobs
    shown = decoded(made.blobs["heat.jpg"]).astype(float)
    exact = np.minimum(ramp[0, 0].numpy() / made.meta["hi"], 1) * 255
    assert np.abs(shown - exact).max() <= 6


@pytest.mark.parametrize("made", [Heatmap, lambda values: InputMap(values[:, None].expand(-1, 3, -1, -1))])
def test_a_map_says_how_much_of_it_is_no_number(made):
    whole = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert "facts" not in encode(made(whole)).meta
    spoilt = torch.tensor([[[1.0, float("nan")], [float("inf"), 4.0]]])
    assert encode(made(spoilt)).meta["facts"] == [["values that are no numbers", 0.5]]


def test_arrays_are_read_from_several_threads():
    """Python's parser, which numpy reads headers with, loses count where finalizers let another thread into it."""

    class Loop:
        def __init__(self) -> None:
            self.loop = self

        def __del__(self) -> None:
            for _ in range(50):
                pass

    values = np.arange(9, dtype=np.float32).reshape(3, 3)
    written = npy(values)

    def read(depth: int) -> np.ndarray:
        if depth:
            return read(depth - 1)
        for _ in range(20):
            Loop()
        return from_npy(written)

    switching, collecting = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(5)
    try:
        with ThreadPoolExecutor(4) as threads:
            assert all(np.array_equal(got, values) for got in threads.map(read, (n % 20 for n in range(500))))
    finally:
        sys.setswitchinterval(switching)
        gc.set_threshold(*collecting)
