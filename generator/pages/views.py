"""What a template sees: plain frozen values, picture files and numbers, never a tensor.

The pipeline fills one `Report`; the renderer writes it out. Strings in here are raw (hostile until escaped).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.dataset.answers import Answers
from generator.diagrams.architecture import Architecture
from generator.engine.output import HeadKind
from generator.explain.explained import Explained
from generator.learn.effective import Effective
from generator.learn.own import Own
from generator.names import Digest, Layer, LayerName, Paper
from generator.pages.findings_views import Findings
from generator.pages.learning_views import Landscape, Training
from generator.pages.live_views import Live
from generator.pages.trust_views import Trust
from generator.wiring.threads import Threads
from generator.wiring.wires import Wires


@dataclass(frozen=True)
class Picture:
    """A picture for the site: `digest` of its bytes names it there. Sizes in pixels."""

    source: Path | bytes
    """Its file, or its bytes."""
    digest: Digest
    width: int
    height: int

    def read(self) -> bytes:
        """Its bytes."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


@dataclass(frozen=True)
class Gray:
    """A map of few places as its bytes, row by row: they stand in the data of a page."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Atlas:
    """Equal tiles on one PNG, row by row, `columns` to a row, one pixel of border (value 0) between neighbours.

    Tile k stands at x = (k % columns) * (tile_w + 1), y = (k // columns) * (tile_h + 1).
    Gray atlases: 0..255 maps linearly to lo[k]..hi[k]; a signed one is symmetric, 128 is zero, hi[k] = -lo[k]
    (value = (gray - 128) / 127 * hi). RGB atlases (first-layer kernels, activation maximization) are drawn as they are.
    """

    picture: Picture
    columns: int
    tile_w: int
    tile_h: int
    units: tuple[int, ...]
    """Which unit (or input channel) tile k shows."""
    lo: tuple[float, ...] = ()
    hi: tuple[float, ...] = ()
    raw_lo: tuple[float, ...] = ()
    """The true minimum and maximum of each map, for the tooltip (signed maps are drawn symmetric beyond them)."""
    raw_hi: tuple[float, ...] = ()
    signed: bool = False
    rgb: bool = False
    scores: tuple[float, ...] = ()
    """Activation maximization: the objective each picture reached."""
    dead: tuple[bool, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why a picture is dead, in a clause; "" where it is alive."""
    norms: tuple[float, ...] = ()
    """Kernels: the length of each filter, over all its input channels."""
    full: tuple[float, ...] = ()
    """Of signed maps: the quantile of each one's absolute values at which it may be drawn full."""


@dataclass(frozen=True)
class Values:
    """The exact numbers of a map, (h, w), read when asked for; `digest` stands for what is read."""

    digest: Digest
    read: Callable[[], NDArray[np.float32]] = field(repr=False)


@dataclass(frozen=True)
class Heat:
    """One map to lay over an image, at its own resolution, in 8-bit gray as in `Atlas`. `empty` says that no value is
    above zero."""

    shown: Picture | Gray
    lo: float
    hi: float
    signed: bool = False
    empty: bool = False
    raw_hi: float | None = None
    """The true maximum, where the scale ends below it (`hi` is a quantile, so that a few loud pixels do not rule)."""
    raw_lo: float | None = None
    """The true minimum, of a signed map whose scale is such a quantile."""
    reach: float | None = None
    """Of a map on the input: the value at which its signed picture is drawn full."""
    facts: tuple[tuple[str, float], ...] = ()
    """Named numbers that the method says of this map: ``completeness error``."""
    values: Values | None = field(default=None, compare=False)
    """What the pictures were made from: of a map with channels, their sum where values are contributions to the score, else
    the largest absolute value over them."""


@dataclass(frozen=True)
class Searched:
    """What the search for one unit left beside its picture."""

    curve: tuple[float | None, ...]
    """The objective in front of each step; None where it was no number."""
    course: Picture | None = None
    """How the picture came about, as an animation."""
    variants: Atlas | None = None
    """Several pictures of the unit, the strongest first; `units` counts them."""
    opacity: Picture | None = None
    """How much each place mattered, as gray (MACO)."""


@dataclass(frozen=True)
class Sought:
    """A picture that was searched for, for a class or from an image at a layer."""

    picture: Picture
    score: float
    """What it reached."""
    began: float | None
    """What the search began at; None where that was no number."""
    dead: str = ""
    """Why it shows nothing, in a clause; "" where it is alive."""
    label: str = ""
    """Of a class: what it is called. Hostile."""


@dataclass(frozen=True)
class Prediction:
    index: int
    label: str
    probability: float | None
    """None where the score is no probability: of a regression, a unit, a function."""
    logit: float | None
    role: str = ""
    """Of a target whose class is chosen image by image: ``true``, the class that the image is labelled with, or ``rank 2``."""


@dataclass(frozen=True)
class ImageView:
    """An image of the set and all that was drawn on it."""

    name: str
    """The file's stem: hostile."""
    slug: str
    """Safe and unique: [a-z0-9-]."""
    digest: Digest
    width: int
    height: int
    photo: Picture
    """The picture as the model sees it: resized and cropped, not normalised."""
    original: Picture
    """The whole photograph, at most 1024 px on its longer side, as JPEG."""
    predictions: tuple[Prediction, ...]
    targets: tuple[Prediction, ...]
    """The targets maps were drawn for, in the order of the maps' `target` number."""
    cams: Mapping[tuple[str, LayerName, int], Heat | NotApplicable]
    """(method, layer, target number) -> map; NotApplicable may also stand at (method, layer, 0) alone."""
    gradients: Mapping[tuple[str, int], tuple[Heat, Picture | None] | NotApplicable]
    """(method, target number) -> (the map, one number a place: as `Heat.values`; signed RGB picture around gray, None for a
    map that has no channels)."""
    response: Mapping[LayerName, Heat | NotApplicable]
    """Input x response, summed over the units of a layer."""
    sought: Mapping[tuple[str, LayerName], Sought | NotApplicable] = field(default_factory=dict)
    """(method, layer) -> the picture searched for from this image at the layer."""


@dataclass(frozen=True)
class LayerView:
    """A layer and all that was drawn of it."""

    layer: Layer
    slug: str
    maps: Mapping[str, Atlas | NotApplicable]
    """image slug -> feature maps of all units."""
    kernels: Atlas | NotApplicable
    kernel_note: str
    """What the kernel tiles show: "3 input channels as RGB", "input channel 0 of 16", "depthwise: one kernel a unit"."""
    kernel_inputs: Mapping[int, Atlas] = field(default_factory=dict)
    """Input channel -> the atlas of all filters at it, for layers small enough to show every slice."""
    pictures: Atlas | NotApplicable = field(default_factory=lambda: NotApplicable("it was not asked for."))
    """Activation maximization tiles."""
    cams: Mapping[tuple[str, str], Heat | NotApplicable] = field(default_factory=dict)
    """(method, image slug) -> map of the first target."""
    searched: Mapping[int, Searched] = field(default_factory=dict)
    """Of the units of `pictures`."""
    answers: Answers | None = field(default=None, compare=False)
    """What its units answer to in the dataset; None where they were not asked."""
    colour: NDArray[np.float32] | None = field(default=None, compare=False)
    """(units,) their colour selectivity, NaN where there is none; None where it was not measured."""
    reconstructions: Reconstructions | None = None
    """What of the first patches of chosen units raised them."""
    wires: Wires | None = field(default=None, compare=False)
    """What feeds its units and what they feed; None where that was not worked out."""


@dataclass(frozen=True)
class Reconstructions:
    """Tile k of all atlases is what raised a unit in the image of that rank in its list."""

    entries: tuple[tuple[int, int], ...]
    """(unit, rank)"""
    deconv: Atlas
    guided: Atlas
    veil: Atlas
    """Gray to lie over the patch, so that what is left is where the guided one lies."""
    half: tuple[float, ...] = ()
    """The share of the patch that holds half of the guided one, NaN where there is none."""
    ranks: int = 1
    """Ranks that have their deconvnet; the tiles of the others are empty."""
    likeness: tuple[float, float] = (math.nan, math.nan)
    """How alike those of different units are, from 0 to 1: deconvnet's, guided ones."""
    switches: bool = True
    """Whether the model has max-pools, which tie a deconvnet to the image."""


@dataclass(frozen=True)
class Likeness:
    """How alike the pictures that a deconvnet makes of different images are, from 0 to 1."""

    own: float
    guided: float
    """Those of guided backprop."""
    switches: bool
    """Whether the model has max-pools."""


@dataclass(frozen=True)
class Example:
    """An image of the dataset that stands in a unit's list."""

    number: int
    """In the dataset."""
    name: str
    """Hostile."""
    picture: Picture
    """As the model sees it."""
    page: str | None = None
    """The slug of its page, where it is one of the report's images."""
    label: str | None = None
    """What the set calls its class: hostile."""
    shows: str = ""
    """What is on it: its class by the set's label, else what the model says of it first, else nothing. Hostile."""


@dataclass(frozen=True)
class MethodView:
    """A method's page, from its docstring."""

    name: str
    title: str
    summary: str
    body: str
    """Markdown with LaTeX between $ and $$: trusted, ours."""
    papers: tuple[Paper, ...]
    caption: str
    options: tuple[tuple[str, str, str], ...]
    """(name, default, meaning)"""
    scope: str
    used: Mapping[str, str] = field(default_factory=dict)
    """Option -> its value in this report; empty where the method was not asked for."""
    asked: bool = True
    """Whether the report asks for it, drawn or not: every method has its page."""
    example: Heat | Picture | Atlas | None = None
    example_note: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Fact that the method states of its own map -> the absolute value from which that speaks against the map."""


@dataclass(frozen=True)
class Passes:
    forward: int
    backward: int

    def __add__(self, other: Passes) -> Passes:
        return Passes(self.forward + other.forward, self.backward + other.backward)


@dataclass(frozen=True)
class Report:
    """Everything a site is rendered from."""

    title: str
    source: str
    parameters: int
    macs: int
    input_shape: tuple[int, int, int]
    preprocessing: str
    """One sentence: "resized to 256, centre crop 224, mean 0.485 …"."""
    classes: int
    weights_digest: Digest
    layers: tuple[LayerView, ...]
    """In order of execution."""
    all_layers: tuple[Layer, ...]
    """Every spatial layer of the model, with or without a page."""
    cam_layers: tuple[LayerName, ...]
    """The chosen layers of the CAM comparison, shallow to deep; the last one is the default."""
    default_layer: LayerName | None
    images: tuple[ImageView, ...]
    methods: tuple[MethodView, ...]
    planned: Passes
    run: Passes
    timings: Mapping[str, float]
    """Stage -> seconds."""
    skipped: tuple[tuple[str, str], ...]
    """(path, reason)"""
    not_applicable: tuple[tuple[str, str, str], ...]
    """(method, layer, reason)"""
    versions: Mapping[str, str]
    config_yaml: str
    seed: int
    device: str
    run_json: Mapping[str, object] = field(default_factory=dict)
    """What is written to run.json, less `bytes`, which is known after the site is written."""
    trust: Trust | None = None
    """What maps are judged by; None where they were not."""
    findings: Findings | None = None
    """What was looked for in the model; None where nothing was."""
    live: Live | NotApplicable | None = None
    """What runs in the visitor's browser; None where it was not asked for."""
    sought: Mapping[int, Sought] = field(default_factory=dict)
    """Class -> the picture searched for to raise it."""
    normalising: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """(mean, std) of each channel of values in 0..1, by which a picture is normalised before the model reads it; None where it is not, or that is unknown."""
    examples: tuple[Example, ...] = ()
    """The images of the dataset that any unit's list names."""
    shown: Mapping[str, int] = field(default_factory=dict)
    """What is on the dataset's images, as their examples say it -> how many of all images. Hostile."""
    by_model: bool = False
    """Whether the classes of the dataset's images are what the model says of them first: labels name none."""
    of_set: tuple[str, ...] = ()
    """The dataset's labels where they are classes of their own, which its images have instead of the model's. Hostile."""
    labels: tuple[str, ...] = ()
    """The classes' names; empty where they have none."""
    notes: tuple[str, ...] = ()
    """Sentences on what was found and decided; `code` in backticks."""
    architecture: Architecture | None = None
    """The network as it is drawn; None where it is not known."""
    threads: Threads | None = field(default=None, compare=False)
    """The ways from units back to the first layer, where they were found already."""
    threaded: bool = False
    """Whether some units were searched for since they feed units of deeper layers."""
    first_page: Mapping[LayerName, frozenset[int]] = field(default_factory=dict)
    """Of each layer the units that the first page shows, of which a search was told to make more."""
    others: tuple[Architecture, ...] = ()
    """Networks that it is put beside."""
    own: Own | None = field(default=None, compare=False)
    """The model's own numbers for the articles."""
    effective: Effective | NotApplicable | None = field(default=None, compare=False)
    """How much each pixel weighs in units of some layers; None where nobody looked."""
    alike: Mapping[str, Likeness] = field(default_factory=dict)
    """Deconvnet -> how alike its pictures of different images are, where that was measured."""
    landscape: Landscape | NotApplicable | None = field(default=None, compare=False)
    """The loss around its weights; None where nobody asked for it."""
    training: Training | None = field(default=None, compare=False)
    """Its checkpoints; None where there are none."""
    head: HeadKind = "classification"
    """What kind of scores it ends in."""
    explained: Explained | None = field(default=None, compare=False)
    """How its layers are computed; None where that was not asked for."""
    credits: tuple[str, ...] = ()
    """Whose pictures these are, as the folders they lie in say it. Hostile."""
