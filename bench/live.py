"""EfficientNet-Lite0 with the maps of all its layers in a headless browser: how long a run takes, and how far it is from torch.

python bench/live.py        writes bench/results/live.json; the aims are 1 s a run after loading, and 1e-4 of each map's scale

Seconds here are absolute, of this computer, one thread. Loading ends with a run of nothing, in which the browser compiles.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from _timing import keep
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.conftest import FLAGS, chromium, served
from tests.live.made import live, model, photographs, report
from tests.pages.conftest import build

RUNS = 11
MEASURE = """async (runs) => {
  const model = {...convatlas.get('live', 'model'), root: convatlas.url('')}, client = new convatlas.LiveClient();
  let start = performance.now();
  await client.ask('load', {value: model});
  const load = performance.now() - start, all = [], alone = [];
  for (let k = 0; k < runs; k += 1) {
    start = performance.now();
    const {ms} = await client.ask('infer', {sample: 0});
    all.push(performance.now() - start);
    alone.push(ms);
  }
  start = performance.now();
  await client.ask('occlusion', {index: 0, window: 224, stride: 224, fill: 'grey'});
  const scores = [];
  for (let k = 0; k < 3; k += 1) {
    start = performance.now();
    const {runs: many} = await client.ask('occlusion', {index: 0, window: 64, stride: 32, fill: 'grey'});
    scores.push((performance.now() - start) / many);
  }
  return {load, all, alone, scores};
}"""
APART = """async ([layer, expected]) => {
  self.bench ??= (async () => { const client = new convatlas.LiveClient(); await client.ask('load', {value: {...convatlas.get('live', 'model'), root: convatlas.url('')}}); await client.ask('infer', {sample: 0}); return client; })();
  const {data} = await (await self.bench).ask('values', {layer});
  const own = new Float32Array(await (await fetch(expected)).arrayBuffer());
  let apart = 0, scale = 0;
  for (let n = 0; n < own.length; n += 1) { apart = Math.max(apart, Math.abs(data[n] - own[n])); scale = Math.max(scale, Math.abs(own[n])); }
  return own.length === data.length ? apart / scale : Infinity;
}"""


def main() -> None:
    made = model("efficientnet_lite0")
    name, _, x = photographs(made, ("waves",))[0]
    expected = made.expected(x[None])
    with tempfile.TemporaryDirectory() as folder:
        built = build(report(made, Path(folder) / "store", live(made, names=(name,))), Path(folder))
        for k in range(len(made.outputs.layers)):
            (built.site / f"expected-{k}.bin").write_bytes(expected[f"m{k}"].numpy().tobytes())
        with served(built.site) as base, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            page = browser.new_page()
            page.goto(base + "live.html")
            found = page.evaluate(MEASURE, RUNS)
            apart = [page.evaluate(APART, [k, f"expected-{k}.bin"]) for k in range(len(made.outputs.layers))]
            version = browser.version
            browser.close()
    worst = max(range(len(apart)), key=apart.__getitem__)
    keep(
        "live",
        {
            "browser": f"Chromium {version}, headless, one thread",
            "model": "efficientnet_lite0",
            "layers": len(made.outputs.layers),
            "bytes of maps": sum(4 * value.numel() for key, value in expected.items() if key.startswith("m")),
            "load, s": round(found["load"] / 1000, 3),
            "first run with all maps, s": round(found["all"][0] / 1000, 3),
            "later runs with all maps, s, the median": round(sorted(found["all"][1:])[(RUNS - 1) // 2] / 1000, 3),
            "of that the model alone, s": round(sorted(found["alone"][1:])[(RUNS - 1) // 2] / 1000, 3),
            "a run for scores alone, s": round(min(found["scores"]) / 1000, 3),
            "largest difference from torch over a map's scale": float(f"{apart[worst]:.2e}"),
            "at": str(made.outputs.layers[worst]),
        },
    )


if __name__ == "__main__":
    main()
