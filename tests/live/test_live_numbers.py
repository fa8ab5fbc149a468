"""What the page computes is what torch computes: input, scores, every map, class activation maps, occlusion, Score-CAM."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from generator.images.decode import decode
from generator.library import attribute
from generator.names import LayerName
from tests.live.conftest import Page as Live
from tests.live.made import photographs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CLIENT = """async () => {
  self.client = new convatlas.LiveClient();
  const model = {...convatlas.get('live', 'model'), root: convatlas.url('')};
  await client.ask('load', {value: model});
  self.text = (data) => { let t = ''; const b = new Uint8Array(data.buffer, data.byteOffset, data.byteLength); for (let k = 0; k < b.length; k += 4096) t += String.fromCharCode(...b.subarray(k, k + 4096)); return btoa(t); };
}"""
ASK = "async ([kind, parts]) => { const {data, blob, ...rest} = await client.ask(kind, parts); return {...rest, data: data && text(data), scores: rest.scores && text(rest.scores), rgba: rest.rgba && text(rest.rgba)}; }"
BLOB = "async ([encoded, type]) => { const {scores, ...rest} = await client.ask('infer', {blob: new Blob([Uint8Array.from(atob(encoded), (x) => x.charCodeAt(0))], {type})}); return {scores: text(scores), from: rest.from}; }"
COMPARE = """async ([outputs]) => {
  const expected = new Float32Array(await (await fetch('expected.bin')).arrayBuffer());
  const found = [];
  let at = 0;
  for (let k = 0; k < outputs; k += 1) {
    const {data} = await client.ask('values', {layer: k});
    let apart = 0, scale = 0, sum = 0;
    for (let n = 0; n < data.length; n += 1) {
      apart = Math.max(apart, Math.abs(data[n] - expected[at + n]));
      scale = Math.max(scale, Math.abs(expected[at + n]));
      sum += data[n];
    }
    found.push([data.length, apart, scale, Number.isFinite(sum)]);
    at += data.length;
  }
  return [found, at === expected.length];
}"""


def floats(text: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(text), np.float32)


@pytest.fixture(scope="module")
def ready(browser: Browser, lite: Live) -> Iterator[Page]:
    """The page of EfficientNet-Lite0 with its model loaded in a worker."""
    page = browser.new_page()
    page.goto(lite.http + "live.html")
    page.evaluate(CLIENT)
    yield page
    page.close()


def ask(page: Page, kind: str, **parts: Any) -> dict[str, Any]:
    return dict(page.evaluate(ASK, [kind, parts]))


def sample(lite: Live, k: int) -> torch.Tensor:
    return photographs(lite.model, ("waves", "more waves"))[k][2][None]


def test_every_map_of_efficientnet_lite0_is_torchs(ready: Page, lite: Live):
    """The promise: within 1e-4 of each map's scale, for all 157 layers, and for the scores."""
    x = sample(lite, 0)
    expected = lite.model.expected(x)
    maps = [expected[f"m{k}"].numpy() for k in range(len(lite.model.outputs.layers))]
    (lite.built.site / "expected.bin").write_bytes(b"".join(value.tobytes() for value in maps))
    answer = ask(ready, "infer", sample=0)
    assert answer["all"] is True
    scores = expected["scores"][0].numpy()
    assert np.abs(floats(answer["scores"]) - scores).max() < 1e-4 * np.abs(scores).max()
    found, whole = ready.evaluate(COMPARE, [len(maps)])
    assert whole and len(found) == len(maps) == 157
    for (length, apart, scale, finite), value, name in zip(found, maps, lite.model.outputs.layers, strict=True):
        assert length == value.size and finite, name
        assert scale == pytest.approx(float(np.abs(value).max()))
        assert apart < 1e-4 * scale, f"{name}: {apart / scale}"


def test_a_map_handed_over_is_read_by_us_as_well(ready: Page, lite: Live):
    expected = lite.model.expected(sample(lite, 1))
    ask(ready, "infer", sample=1)
    for k in (0, 40, 100, 156):
        value = expected[f"m{k}"].numpy()
        found = floats(ask(ready, "values", layer=k)["data"])
        np.testing.assert_allclose(found, value.ravel(), atol=1e-4 * np.abs(value).max())
        one = floats(ask(ready, "unit", layer=k, unit=3)["data"])
        np.testing.assert_array_equal(one, found.reshape(value.shape)[0, 3].ravel())


def test_a_sample_is_the_reports_own_input(ready: Page, lite: Live):
    for k in range(2):
        ask(ready, "infer", sample=k)
        np.testing.assert_array_equal(floats(ask(ready, "input")["data"]), sample(lite, k).numpy().ravel())


def encoded(picture: Image.Image, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def pictures() -> dict[str, tuple[bytes, str, float]]:
    """Name -> (file, type, how many levels its pixels may differ by)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:420, 0:560]
    smooth = np.stack([(np.sin(x / (20 + 9 * c)) + np.cos(y / (31 - 5 * c)) + 2) * 60 for c in range(3)], -1)
    rgb = Image.fromarray((smooth + rng.integers(0, 12, smooth.shape)).astype(np.uint8))
    soft = Image.fromarray(smooth.astype(np.uint8))
    alpha = rgb.convert("RGBA")
    alpha.putalpha(Image.fromarray((x % 256).astype(np.uint8)))
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "png": (encoded(rgb, "PNG"), "image/png", 0),
        "gray png": (encoded(rgb.convert("L"), "PNG"), "image/png", 0),
        "palette": (encoded(rgb.quantize(64), "PNG"), "image/png", 0),
        "alpha": (encoded(alpha, "PNG"), "image/png", 1),
        "tall": (encoded(rgb.crop((0, 0, 130, 420)), "PNG"), "image/png", 0),
        "small": (encoded(rgb.resize((60, 40)), "PNG"), "image/png", 0),
        "gif": (encoded(rgb.quantize(64), "GIF"), "image/gif", 0),
        "bmp": (encoded(rgb, "BMP"), "image/bmp", 0),
        "webp": (encoded(rgb, "WEBP", lossless=True), "image/webp", 0),
        "jpeg": (encoded(soft, "JPEG", quality=95, subsampling=0), "image/jpeg", 2),
        "turned jpeg": (encoded(soft, "JPEG", quality=95, subsampling=0, exif=turned), "image/jpeg", 2),
    }


@pytest.mark.parametrize("name", pictures())
def test_a_visitors_file_becomes_the_input_that_the_report_would_make_of_it(ready: Page, lite: Live, name: str):
    data, kind, levels = pictures()[name]
    preprocess = lite.model.loaded.preprocess
    picture = decode(io.BytesIO(data), preprocess.channels).picture
    expected = preprocess(picture).numpy().ravel()
    answer = ready.evaluate(BLOB, [base64.b64encode(data).decode(), kind])
    assert answer["from"] == [picture.width, picture.height]
    found = floats(ask(ready, "input")["data"])
    apart = np.abs(found - expected).reshape(3, -1) * np.array(preprocess.std)[:, None] * 255
    assert apart.max() <= levels + 1e-3, apart.max()
    if not levels:
        np.testing.assert_array_equal(found, expected)
    if name == "turned jpeg":
        assert answer["from"] == list(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).size) == [420, 560]


def test_class_activation_maps_are_torchs_and_add_up_to_the_score(ready: Page, lite: Live):
    expected = lite.model.expected(sample(lite, 0))
    answer = ask(ready, "infer", sample=0)
    scores = floats(answer["scores"])
    model = ready.evaluate("convatlas.get('live', 'model')")
    for index in (0, 281, int(scores.argmax())):
        cam = ask(ready, "cam", index=index)
        value = expected["cams"][0, index].numpy()
        np.testing.assert_allclose(floats(cam["data"]), value.ravel(), atol=1e-4 * np.abs(value).max())
        assert cam["mean"] + model["biases"][index] == pytest.approx(
            float(scores[index]), abs=1e-4 * float(np.abs(scores).max())
        )


@pytest.mark.parametrize("fill", ["grey", "black", "zero"])
def test_occlusion_is_the_methods_own(ready: Page, lite: Live, fill: str):
    x = sample(lite, 1)
    index, window, stride = 281, 96, 60
    ask(ready, "infer", sample=1)
    found = ask(ready, "occlusion", index=index, window=window, stride=stride, fill=fill)
    expected = attribute(
        lite.model.loaded.module, x, "occlusion", target=index, ends=ends(lite),
        options={"occlusion": {"window": window, "stride": stride, "fill": fill}},
    )  # fmt: skip
    assert isinstance(expected, torch.Tensor)
    value = expected[0].numpy()
    assert (found["h"], found["w"]) == value.shape == (224, 224)
    np.testing.assert_allclose(floats(found["data"]).reshape(value.shape), value, atol=1e-3 * np.abs(value).max())
    assert found["score"] == pytest.approx(float(lite.model.expected(x)["scores"][0, index]), rel=1e-4)
    assert found["runs"] == 1 + 4 * 4  # windows at 0, 60, 120 and 180 pixels


@pytest.mark.parametrize("layer, units", [("_swish@2", 6), ("_blocks.10._depthwise_conv", 5)])
def test_score_cam_is_the_methods_own(ready: Page, lite: Live, layer: str, units: int):
    x = sample(lite, 0)
    ask(ready, "infer", sample=0)
    number = list(lite.model.outputs.layers).index(LayerName(layer))
    found = ask(ready, "scorecam", index=7, layer=number, units=units)
    expected = attribute(lite.model.loaded.module, x, "score_cam", layers=layer, target=7,
                         options={"score_cam": {"units": units}})  # fmt: skip
    assert isinstance(expected, dict)
    value = expected[LayerName(layer)]
    assert isinstance(value, torch.Tensor)
    assert found["runs"] == units
    np.testing.assert_allclose(
        floats(found["data"]).reshape(value[0].shape), value[0].numpy(), atol=2e-3 * float(value.max())
    )


def ends(lite: Live) -> tuple[list[float], list[float]]:
    black, white = lite.model.loaded.preprocess.ends
    return black.tolist(), white.tolist()


def test_a_model_too_large_to_keep_its_maps_gives_them_one_by_one(ready: Page, lite: Live):
    """The same numbers, from a run for the layer that is asked for."""
    value = lite.model.expected(sample(lite, 0))["m77"].numpy()
    found = ready.evaluate(
        """async () => {
          const client = new convatlas.LiveClient();
          await client.ask('load', {value: {...convatlas.get('live', 'model'), root: convatlas.url(''), keep: 1000}});
          const {all} = await client.ask('infer', {sample: 0});
          const {data} = await client.ask('values', {layer: 77});
          client.worker.terminate();
          return [all, text(data)];
        }"""
    )
    assert found[0] is False
    np.testing.assert_allclose(floats(found[1]), value.ravel(), atol=1e-4 * np.abs(value).max())


def test_big_things_are_handed_over_and_not_copied(ready: Page, lite: Live):
    ask(ready, "infer", sample=0)
    lengths = ready.evaluate(
        """async () => {
          const [one, two] = [await client.ask('values', {layer: 3}), await client.ask('values', {layer: 3})];
          return [one.data.length, two.data.length, one.data.byteLength === one.data.buffer.byteLength];
        }"""
    )
    size = int(np.prod(lite.model.expected(sample(lite, 0))["m3"].shape))
    assert lengths == [size, size, True]  # the worker still has its own: what it hands over is not what it keeps


def test_a_long_task_can_be_stopped_and_the_worker_goes_on(ready: Page):
    ask(ready, "infer", sample=0)
    said = ready.evaluate(
        """async () => {
          let seen = 0, task;
          task = client.ask('occlusion', {index: 0, window: 8, stride: 4, fill: 'grey'}, ({done}) => { if (done) { seen = done; if (done === 3) client.stop(task); } });
          let why = '';
          try { await task; } catch (error) { why = error.message; }
          const {scores} = await client.ask('infer', {sample: 1});
          return [why, seen, scores.length];
        }"""
    )
    assert said[0] == "stopped" and 3 <= said[1] < 10 and said[2] == 1000
