"""The methods: one file each, found by looking into this folder; nobody edits a list.

Three class variables may be left out: `adds_up` (True where values are contributions that add up to the score, to first
order: their sign then ranks places), `limits` (fact that the method states of its own map -> the absolute value from which the
map is not what its definition promises) and `libraries` (optional packages that results depend on).

A method file `grad_cam.py` defines one frozen dataclass marked with `@method`; its fields are the method's options,
its file stem is its name in the config, on the command line and in URLs, and its module docstring is the prose of
its page (first line: title, colon, one-sentence summary; then the equation, how to read it, its known limits).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from generator.artifacts import Artifact, NotApplicable
from generator.discovery import Entry, discovered, marked
from generator.engine.needs import Need, Reads
from generator.names import Layer, LayerName, Paper, Unit

T = TypeVar("T")
Scope = Literal["layer", "input", "weights", "search", "class_search", "image_search", "set"]
"""Where a method draws: on a layer of an image, on an image's input, on a layer's weights, on a layer by search, for a class by
search, on a layer of an image by search, on a layer over a whole set of images."""
SEARCHES: tuple[Scope, ...] = ("search", "class_search", "image_search")
"""The scopes of search methods: what they search pictures for is a unit of a layer, a class, or an image at a layer."""
Places = Literal["layers", "compared", "both"]
"""Which of a report's layers a method is drawn at: those that have a page, those of the CAM comparison, or both."""


@dataclass(frozen=True)
class ModelFacts:
    """What a method may know of the model to say whether it applies: measured in one probe pass, never assumed."""

    layers: Mapping[LayerName, Layer]
    classes: int
    rectifiers: int
    """How many rectifier calls one forward makes (ReLU, ReLU6, Hardtanh, clamp at 0), however they are written."""
    max_pools: int
    overlapping_pools: int
    """Max-pool calls whose windows overlap: where the two deconvnet variants differ."""
    head_layer: LayerName | None
    """The layer whose spatial mean feeds the last linear layer, or None where the head is not GAP + linear."""
    biased: tuple[LayerName, ...] = ()
    """The convolutions and batch normalisations with a bias, in order of execution."""
    input_shape: tuple[int, int, int] = (3, 0, 0)
    """(channels, height, width) of the input."""
    mergeable: tuple[tuple[str, str], ...] = ()
    """Paths of each convolution, called once, whose output nothing reads but a batch normalisation, called once; and of that."""
    overwriting: tuple[str, ...] = ()
    """Paths of the batch normalisations and rectifiers that, at every call, read a tensor that nothing else reads: they could
    write over it."""
    rising: Mapping[LayerName, tuple[LayerName, str]] = field(default_factory=dict)
    """Of each call of a batch normalisation or a ReLU: the layer that it reads, and its path. Where the scale is above zero,
    what they give never falls where that rises."""


class Method(Protocol):
    """A per-batch method: says what it reads, and computes on plain tensors."""

    papers: ClassVar[tuple[Paper, ...]]
    caption: ClassVar[str]
    """One sentence for under the picture, with {layer}, {target}, {image}, {unit} to fill in."""
    scope: ClassVar[Scope]
    places: ClassVar[Places]
    needs_target: ClassVar[bool]

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        """None where the method means something for this layer (None: the input), else the reason why not."""

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        """What it reads for one layer (INPUT for methods of scope ``input``)."""

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        """The maps of one batch, for one target. A pure function of its reads."""


@dataclass(frozen=True)
class Cost:
    """Evaluations of the model that a probe makes for one image: each changed input, or layer output, counts one."""

    forward: int = 0
    backward: int = 0
    alike: str = field(default="", compare=False)
    """Names the evaluations where other methods make the same ones (`Model.once`): an image pays for them once."""


class Rows(Protocol):
    """Changed inputs, or layer outputs, of which a batch is cut as it is needed: a tensor (m, ...), or `Made`."""

    def __len__(self) -> int: ...

    def __getitem__(self, cut: slice, /) -> Tensor: ...


@dataclass(frozen=True)
class Made:
    """Rows that are made when a batch of them is cut, so that a batch alone is held. `make` must give the same twice."""

    count: int
    make: Callable[[slice], Tensor]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, cut: slice) -> Tensor:
        start, stop, _ = cut.indices(self.count)
        return self.make(slice(start, stop))


class Outcome(Protocol):
    """What the model says of `m` changed inputs, for each of the `t` targets."""

    values: Float[Tensor, "t m"]
    """The targets' own numbers: logits, sums of logits, a unit's mean, what a function of the output gave. NaN where what
    was changed comes after the unit."""

    @property
    def shares(self) -> Float[Tensor, "t m"] | None:
        """The probability of each target, a group's that of any of its classes; NaN where a target has none (units and
        functions), None where none has."""


class Forward(Protocol):
    """One forward of the model, in the autograd graph."""

    values: Float[Tensor, "t m"]
    read: tuple[tuple[Tensor, ...], ...]
    """The tensors that each target's value is read from: the model's output, or the map that a unit stands in."""


class Model(Protocol):
    """The model, for one image and all its targets, to be run again on changed inputs. Each evaluation is counted."""

    device: torch.device
    targets: int
    """How many targets there are: `probe` yields one artifact for each, in order."""
    low: Float[Tensor, " c"]
    """A black pixel as the model gets it: (0 - mean) / std. A constant input to start from, or to cover with."""
    high: Float[Tensor, " c"]
    """A white pixel as the model gets it."""
    generator: torch.Generator
    """Random numbers, on the CPU, seeded from what is computed."""
    module: Any
    """The nn.Module, frozen and in evaluation mode."""
    merged: Any
    """The same function with batch normalisations merged into the convolutions before them, as far as that goes; made when
    first asked for, and nobody's to change: `module` itself where there is nothing to merge."""
    facts: ModelFacts

    def run(self, x: Rows) -> Outcome:
        """The outcome for inputs `x` (m, c, h, w), in batches of a fitting size. No gradients."""

    def gradients(self, x: Rows) -> Iterator[tuple[slice, Float[Tensor, "t b c h w"]]]:
        """d value / d x for inputs `x` (m, c, h, w), batch by batch, with the rows of `x` that the batch is: one forward and
        `t` backwards for each row."""

    def resume(self, layer: LayerName, A: Rows) -> Outcome:
        """The outcome where `layer` gives `A` (m, k, h, w) for this image: only what comes after the layer is run again. The
        first resumption from a layer counts one evaluation more, which records what comes before it."""

    def layer_output(self, layer: LayerName, x: Rows) -> Float[Tensor, "m k h w"]:
        """What `layer` gives for inputs `x`, of any size that the model up to there takes. No gradients."""

    def head_shares(self, features: Float[Tensor, "m k"]) -> Float[Tensor, "t m"] | None:
        """The `shares` where the linear layer of a global-average-pooled model reads `features`. No evaluation.

        Raises:
            LookupError: the model has no such head (`ModelFacts.head_layer` is None).
        """

    def forward(self, x: Float[Tensor, "m c h w"], module: Any = None) -> Forward:
        """The targets' values for `x` in the autograd graph: of the model, or of `module`, a changed copy of it."""

    def once(self, alike: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once for an image and its targets, whichever methods ask. `alike` names all that it depends
        on beside these; the random numbers of an image are the same for all methods."""

    def count(self, forward: int = 0, backward: int = 0) -> None:
        """Report evaluations that a method makes itself: the backwards from a `forward`."""


class ProbeMethod(Protocol):
    """A method that runs the model again, on inputs that it changes: image by image, for all targets at once.

    It reads what a per-batch method reads, but for gradients: `Model.gradients` gives those.
    """

    papers: ClassVar[tuple[Paper, ...]]
    caption: ClassVar[str]
    scope: ClassVar[Scope]
    places: ClassVar[Places]
    needs_target: ClassVar[bool]

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None: ...

    def needs(self, layer: LayerName) -> tuple[Need, ...]: ...

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        """What `probe` will make for one image: it is held to this by a test."""

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        """One artifact with n = 1 for each target of `model`, in order; `reads` are of this one image."""


class ModelHandle(Protocol):
    """The escape hatch for search methods: run the model as often as it takes. Each call is counted."""

    input_shape: tuple[int, int, int]
    """(channels, height, width) the model was described with."""
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def device(self) -> torch.device:
        """Where inputs must be."""

    def layer_output(
        self, layer: LayerName, x: Tensor, *, redirect: bool = False, precision: str = "float32"
    ) -> Tensor:
        """Differentiable output of `layer` for the normalised batch `x`; the forward stops there.

        With `redirect`, gradients flow through rectifiers that are off, so that a dead start can move. With `precision`
        ``bfloat16`` the model's twin in that gives it, where there is one (`generator.engine.reduced`), as float32.
        """

    def ahead(
        self, layer: LayerName, score: Callable[[Tensor], Tensor], x: Tensor, precision: str = "float32"
    ) -> Callable[..., Tensor] | None:
        """For a `score` that is linear in the maps of `layer`: a function of normalised batches such as `x`, and of `redirect`, that
        gives the differentiable scores without running the layer (`generator.engine.ahead`); None where there is none."""

    def class_scores(self, x: Tensor, *, redirect: bool = False, precision: str = "float32") -> Tensor:
        """Differentiable class scores (n, classes) for the normalised batch `x` of the model's own input size; `precision` as
        for a layer."""

    def backward(self, scalar: Tensor, wrt: Tensor) -> Tensor:
        """d scalar / d wrt, counted as one backward pass; zeros where the scalar does not depend on it."""

    def room(self, *of: object) -> MutableMapping[Any, int]:
        """How many pictures of a size the device had room for in searches of this kind, as far as that was met; to be written to
        (`generator.search.batches`)."""

    def photographs(self, count: int) -> Float[Tensor, "n c h w"]:
        """The first of the report's images, at most `count`, as the model sees them but in [0, 1]; none of a library call."""

    def photograph(self, number: int) -> Float[Tensor, "c h w"]:
        """The report's image of this number, from 0, likewise.

        Raises:
            LookupError: there is no report.
        """


class SearchMethod(Protocol):
    """A method that optimises over inputs: given a handle on the model, a layer and its units.

    Methods of scope ``class_search`` are given None for the layer and classes by their index instead of units, those of scope
    ``image_search`` the report's images by their number. Beside this protocol they have an option: `targets` and `most` (of
    each image, so many of the classes that maps are drawn for; so many classes at most), or `images` (so many, the first
    ones).
    """

    papers: ClassVar[tuple[Paper, ...]]
    caption: ClassVar[str]
    scope: ClassVar[Scope]
    places: ClassVar[Places]

    @property
    def animate(self) -> int:
        """Of how many of a layer's units, the first ones chosen, it is to keep the course."""

    @property
    def together(self) -> int:
        """How many units it searches for together, at most."""

    @property
    def photographs(self) -> int:
        """How many of the report's images, the first ones, its results depend on."""

    def applies(self, model: ModelFacts, layer: Layer) -> NotApplicable | None: ...

    def passes(self, layer: Layer, units: int) -> tuple[int, int]:
        """(forward, backward) passes that `search` will make: it is held to this by a test."""

    def of_unit(self, rank: int) -> SearchMethod:
        """Itself, or as it is for the unit that was chosen at this rank, from 0, where units are not all searched for alike.
        Only methods of scope ``search`` have it."""

    def search(
        self,
        handle: ModelHandle,
        layer: Layer,
        units: tuple[Unit, ...],
        seed: int,
        animated: Collection[Unit] = (),
    ) -> Iterator[Artifact]:
        """The pictures of `units`, in batches; of those in `animated`, their courses as well."""


class Reduction(Protocol):
    """The state of one layer while a set streams by: it grows with the layer's units, never with the images."""

    def update(self, found: Any, images: Tensor, accepted: Any, marks: Any = None) -> None:
        """Take in the layer's output (n, c, h, w), and where it is highest, for the images of these numbers."""

    def finish(self, slots: Any) -> Any:
        """What the set came to; `slots` (m,) are the columns of the sample in use, each few first ones a sample too."""


class SetMethod(Protocol):
    """A method that reads every layer's output over a whole set of images, in one streaming pass that all layers share."""

    papers: ClassVar[tuple[Paper, ...]]
    caption: ClassVar[str]
    scope: ClassVar[Scope]
    places: ClassVar[Places]

    def applies(self, model: ModelFacts, layer: Layer) -> NotApplicable | None: ...

    def start(self, layer: Layer, device: torch.device | str) -> Reduction:
        """The state before the first image."""


MethodInfo = Entry
"""A registered method: its class and what its file says of it."""


def is_probe(method: object) -> bool:
    """Whether a method runs the model again for itself (`ProbeMethod`), rather than compute on shared passes."""
    return hasattr(method, "probe")


def only(name: str, artifacts: Iterator[Artifact]) -> Artifact:
    """The one artifact that a per-batch method yields for a batch and a target.

    Raises:
        TypeError: it yielded none, or several: pages and callers would lose all but one.
    """
    found = list(artifacts)
    if len(found) != 1:
        raise TypeError(
            f"method {name} is expected to yield one artifact for a batch and a target, it yielded {len(found)}"
        )
    return found[0]


_T = TypeVar("_T", bound=type)
_MARK = "__convatlas_method__"


def method(cls: _T) -> _T:
    """Mark the one class in a file that is the method."""
    return marked(cls, _MARK)


@cache
def registry() -> Mapping[str, MethodInfo]:
    """All methods by name, in alphabetical order, read from this folder."""
    return discovered(__name__, __path__, _MARK)
