"""How large a site will be, before it is: its parts counted, each times the bytes that one took in real reports.

    site ──▶ frame + pages + data scripts + pictures (maps, kernels, heat maps, maps on the input, searched units, photographs,
    the dataset's images that patches are cut from), and what the dataset and the weights say of units

Noise and photographs compress differently; the sum is held to within half as much again of real sites by a test.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

from generator.artifacts import Kernels
from generator.dataset.lit import cells
from generator.encode import FEW, SLICES
from generator.encode import LARGE as LARGE_INPUT
from generator.engine.needs import Reads
from generator.engine.plan import Request
from generator.live.runtime import SIZE
from generator.names import LayerName
from generator.pages.exports import LARGE, SMALL
from generator.pages.learn import ARTICLES
from generator.report.answers import named
from generator.report.jobs import Jobs, Search, SetRequest
from generator.report.live import SAMPLES, onnx_bytes
from generator.report.picked import picked
from generator.report.reconstructions import RULES
from generator.report.setup import Setup
from generator.report.sheets import SIDE
from generator.report.subjects import units_by_layer
from generator.report.training import SIDE as MAP_SIDE
from generator.report.training import UNITS, learning_of
from generator.resources import packaged_root
from generator.selectors import parse_units, select_layers

THEME = 2.2e6
"""Material's scripts, style sheets and search, and the index of the search."""
PAGE = 14.5e3
"""A page of a layer, an image or a method: most of it is the frame around it."""
ARTICLE = 25e3
"""An article of the section "Explained", formulas and all."""
ROW = 1.3e3
"""A row of the table of layers."""
GRAY = 0.75
"""A pixel of a map as PNG."""
BARE = 4 / 3
"""A value of a map that stands in a page's data."""
FILMED = 4.0
"""A pixel of the course of a search, all its frames together, as an animated WebP."""
COLOUR = 2.6
"""A pixel of a signed picture or of a searched unit as PNG."""
JPEG = 0.35
"""A pixel of a photograph, or of a signed map on the input."""
LOUD = 0.25
"""A pixel of the strength of a large map on the input, which is a JPEG as well."""
HEADER = 620
"""What a JPEG takes before its first pixel."""
FILE = 90
"""What a PNG takes before its first pixel."""
HEAT = 230
"""What a data script says of a heat map."""
NUMBERS = 18
"""What it says of one map: its two ends."""
ENTRY = 150
"""What the page that compares maps knows of one, and its name in an archive."""
NOISY, QUIET, PAIR = 0.6, 0.75, 1.8
"""A value of a large, a middle and a small map in a script of that page."""
EXACT, ROUNDED = 2.4, 1.6
"""A value of a map in an archive: exact, and to eight bits."""
HEAD_OF_DATA = 900
"""What a layer's data over the dataset take before the first unit."""
WIRED = 190
"""What a unit's wires take in a page's data, and its step on the thread to the first layer; a slice of a kernel comes on top."""
ANSWERED, ENTERED = 100, 16
"""What a unit's numbers over the dataset take, and each image in its list."""
DRAWN, OPERATION = 260e3, 5.1e3
"""What the drawings of the architecture take, and for each operation."""
FACES, FACE = 40e3, 1.15e3
"""What an image's maps on the faces of drawings take, and for each operation."""
PLACE = 40
"""What a place of the loss around the weights takes, as CSV and as data."""
CONTOURS = 120e3
"""What the contours take, as SVG, in the page and as PNG."""
STEPS = 4e3
"""What a page knows of how its layer is computed, beside maps and kernels."""
TILE = 0.25
"""A pixel of a reconstruction as JPEG."""
VEILED = 0.3
"""A cell of the veil over a patch."""


def site_bytes(setup: Setup, units: Mapping[tuple[str, LayerName], tuple[int, ...]]) -> float:
    """Bytes of the site that `setup` will give, where the searches draw these `units`."""
    images = len(setup.images.images)
    asked: dict[str, set[LayerName]] = {}
    for request in (*setup.jobs.requests, *setup.jobs.weights):
        asked.setdefault(request.name, set()).add(request.layer)
    by_name = setup.description.by_name
    total = THEME + _assets() + PAGE * (len(setup.layers) + images + 2 * len(asked) + 7) + ROW * len(by_name)
    total += ARTICLE * sum(not article.elsewhere for article in ARTICLES) + PAGE
    maps = [by_name[name] for name in asked.get("feature_maps", ())]
    operations = len(setup.description.graph.nodes)
    total += DRAWN + OPERATION * operations + (images * (FACES + FACE * operations) if maps else 0)
    total += images * sum(_atlas(layer.units, *layer.shape[1:]) for layer in maps)
    total += sum(_kernels(setup, request) for request in setup.jobs.weights if request.name == "kernels")
    total += images * sum(_heats(setup, request) + _compared(setup, request) for request in setup.jobs.requests)
    for search in setup.jobs.searches:
        side = getattr(search.method, "size", max(setup.input_shape[1:]))
        files = 1 if search.scope == "search" else len(units[search.name, search.at])
        total += FILE * files + len(units[search.name, search.at]) * (side * side * COLOUR + NUMBERS)
        total += side * side * (FILMED * len(filmed(setup.jobs, search, units)) + COLOUR * further(search, units))
    total += sum(layer.units * WIRED for layer in setup.layers)
    total += sum(_answers(setup, request, units) for request in setup.jobs.sets)
    if setup.explaining is not None:
        total += setup.explaining.expected + STEPS * len(setup.layers)
    return total + sum(_photographs(setup)) + _patches(setup) + _learned(setup) + _live(setup)


def filmed(jobs: Jobs, search: Search, units: Mapping[tuple[str, LayerName], tuple[int, ...]]) -> Collection[int]:
    """What a search keeps the course of."""
    return jobs.animated(search, units[search.name, search.at])


def further(search: Search, units: Mapping[tuple[str, LayerName], tuple[int, ...]]) -> int:
    """The pictures that a search keeps beside one of each of what it is for."""
    chosen = units[search.name, search.at]
    sets = search.alike(chosen, chosen).items()
    return sum(int(n) * len(some) for method, some in sets if (n := getattr(method, "diversity", 1)) > 1)


def _learned(setup: Setup) -> float:
    """The pages of checkpoints and of the loss around the weights."""
    landscape = setup.config.landscape
    total = 0.0 if landscape is None else PAGE + CONTOURS + landscape.grid**2 * PLACE
    learning = learning_of(setup)
    if learning is None:
        return total
    maps = sum(
        UNITS * min(1.0, MAP_SIDE / max(h, w)) ** 2 * h * w for _, h, w in (one.shape for one in learning.layers)
    )
    cam = next(
        (h * w for layer in setup.compared if layer.name == setup.default_layer for _, h, w in (layer.shape,)), 0
    )
    each = len(learning.images) * (maps * GRAY + UNITS * len(learning.layers) * NUMBERS + cam * BARE + HEAT)
    return total + PAGE + len(learning.checkpoints) * each


def _live(setup: Setup) -> float:
    """The live page: the weights, what runs them, and the report's first images without loss."""
    if setup.config.live is None:
        return 0.0
    _, height, width = setup.input_shape
    samples = min(SAMPLES, len(setup.images.images)) * height * width * COLOUR
    return onnx_bytes(setup) + SIZE + samples


def _answers(setup: Setup, request: SetRequest, units: Mapping[tuple[str, LayerName], tuple[int, ...]]) -> float:
    """What a layer's units answer to: their numbers, and the sheets of what raised those that are chosen."""
    layer, method = request.layer, request.method
    numbers = HEAD_OF_DATA + layer.units * (ANSWERED + method.top * ENTERED)
    if layer not in select_layers(method.layers, setup.description.layers):
        return numbers
    chosen = units_by_layer(units).get(layer.name)
    of = picked(parse_units(setup.config.units, layer.units).choose() if chosen is None else chosen)
    joining = len(of) - of.own
    sides = [min(SIDE, seen) for seen in layer.receptive_field or setup.input_shape[1:]]
    few = min(method.reconstructions, method.top, len(setup.asking.dataset) if setup.asking else 0)
    pixels = sides[0] * sides[1] * TILE
    deconv = few if setup.description.facts.max_pools else min(1, few)
    guided = few * of.own + min(1, few) * joining
    veils = HEADER + guided * VEILED * math.prod(cells(sides[0], sides[1]))
    return numbers + len(RULES) * HEADER + pixels * (guided + deconv * of.own + min(1, few) * joining) + veils


def _assets() -> float:
    files = (packaged_root() / "templates/assets").rglob("*")
    return float(sum(file.stat().st_size for file in files if file.is_file()))


def _atlas(tiles: int, height: int, width: int) -> float:
    return FILE + tiles * ((height + 1) * (width + 1) * GRAY + NUMBERS)


def _kernels(setup: Setup, request: Request) -> float:
    (served,) = setup.engine.weights(request)
    assert isinstance(served.reads, Reads)
    (drawn,) = request.method.compute(served.reads)
    assert isinstance(drawn, Kernels)
    filters, inputs, height, width = drawn.values.shape
    if height * width == 1 and inputs > 1:  # a filter is a square of its weights
        return float(FILE + filters * (inputs * GRAY + 2 * NUMBERS))
    one = _atlas(filters, height, width) + filters * NUMBERS
    sliced = inputs not in (1, 3) and filters * inputs <= SLICES
    return one + (inputs * (HEAT + one) if sliced else 0.0)


def _heats(setup: Setup, request: Request) -> float:
    """The heat maps of one request on one image. A layer that is not compared shows the first target alone."""
    _, height, width = setup.input_shape
    if request.method.scope == "input":
        strength = height * width * GRAY + FILE if height * width <= LARGE_INPUT else height * width * LOUD + HEADER
        return max(len(request.targets), 1) * (strength + height * width * JPEG + HEADER + HEAT)
    if request.name == "feature_maps":
        return 0.0
    compared = any(layer.name == request.layer for layer in setup.compared)
    shown = len(request.targets) if compared else 1
    _, h, w = setup.description.by_name[request.layer].shape
    return max(shown, 1) * (HEAT + (h * w * BARE if h * w <= FEW else h * w * GRAY + FILE))


def _compared(setup: Setup, request: Request) -> float:
    """The same maps on the page that compares them: as numbers in its scripts, and as floats in its archives."""
    on_input = request.method.scope == "input"
    if request.name in ("predictions", "feature_maps", "input_response"):
        return 0.0
    if not on_input and all(layer.name != request.layer for layer in setup.compared):
        return 0.0
    _, height, width = setup.input_shape
    h, w = (height, width) if on_input else setup.description.by_name[request.layer].shape[1:]
    targets = max(len(request.targets), 1)
    if h * w > LARGE:
        return targets * (h * w * NOISY + ENTRY) + h * w * ROUNDED
    return targets * (h * w * (PAIR if h * w <= SMALL else QUIET) + ENTRY + h * w * EXACT)


def _patches(setup: Setup) -> float:
    """The images of a dataset of its own that patches are cut from. Before the pass it is not known which: so many as lists
    drawn at random would name, which is rather too many, since units that answer alike name the same."""
    asking = setup.asking
    if asking is None or asking.own:
        return 0.0
    if asking.lacking(setup.store):
        entries = sum(request.layer.units * request.method.top for request in asking.requests)
        images = len(asking.dataset) * -math.expm1(-entries / len(asking.dataset))
    else:
        images = len(named(asking, setup.store))
    _, height, width = setup.input_shape
    return images * (JPEG * height * width + HEADER)


def _photographs(setup: Setup) -> Iterable[float]:
    _, height, width = setup.input_shape
    for image in setup.images.images:
        shrunk = min(1.0, 1024 / max(image.width, image.height))
        yield JPEG * (height * width + image.width * image.height * shrunk**2) + 2 * FILE
