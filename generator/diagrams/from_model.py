"""A live model as an architecture: by shapes alone, else by running it, else its modules without a run.

copy on the meta device ──▶ trace ──▶ Graph ──▶ from_graph        no numbers, no time: 28 of 30 models
          │ raises: numbers decide what runs
          ▼
the model on one random input ──▶ trace                           detectors, control flow
          │ raises, and the model by itself does not, or its output is made out of sight
          ▼
the modules, in the order of their definition                     no shapes, no edges that are known
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from generator.diagrams.architecture import Architecture, Block, Edge, Op
from generator.diagrams.from_graph import from_graph, kind_of
from generator.engine.invoke import Invocation, invocation_for
from generator.errors import UserError
from generator.model.calls import is_leaf
from generator.model.graph import Graph, Node
from generator.model.kinds import attributes
from generator.model.operations import module_family, module_settings
from generator.model.run import Advice, cannot_run, evaluating, in_words, kept, unwatched
from generator.model.trace import trace
from generator.model.twin import copied, entangled, shadow
from generator.names import LayerName

SEED = 0
"""Of the random input."""
TORN = "The model runs, but what it returns could not be followed back to its input"


def architecture(
    module: nn.Module,
    shape: tuple[int, ...] | None,
    *,
    title: str = "",
    whole: Callable[[], nn.Module] | None = None,
    invocation: Invocation | None = None,
    advice: Advice | None = None,
) -> Architecture:
    """What `module` does with one input of `shape`, without the batch axis: (channels, height, width) of an image.

    The module is left as it was found. Where it has no weights (see `weightless`) and shapes alone do not tell the way,
    `whole` builds it with weights. Without a shape, its modules alone are drawn. `advice` words the errors.

    Raises:
        UserError: the model cannot run on an input of this shape, or without further inputs; it has nothing to draw.
    """
    title = title or type(module).__name__
    if shape is None:
        found = modules_alone(module, title, "No run was asked for")
    else:
        found = _run(module, shape, title, whole, invocation or invocation_for(module), advice or Advice())
    if not any(op.kind not in ("input", "output") for op in found.ops):
        raise UserError(
            f"expected a model with layers, received {type(module).__name__}, which does nothing that can be drawn"
        )
    return found


def _run(
    module: nn.Module,
    shape: tuple[int, ...],
    title: str,
    whole: Callable[[], nn.Module] | None,
    invocation: Invocation,
    advice: Advice,
) -> Architecture:
    ran = _shaped(module, shape, invocation, advice)
    graph = by_shapes(ran, shape, invocation)
    if graph is None:
        ran = whole() if whole is not None else kept(ran)
        x = _noise(ran, shape)
        with evaluating(ran):
            try:
                graph, _ = trace(ran, x, invocation=invocation)
            except Exception as error:
                if (own := unwatched(ran, x, invocation)) is not None:
                    raise cannot_run(own, shape, advice) from error
                return modules_alone(ran, title, f"The model runs, but could not be watched ({type(error).__name__})")
        if graph.torn:
            return modules_alone(ran, title, TORN)
    parameters = sum(parameter.numel() for parameter in ran.parameters())
    notes = (f"Shapes, costs and receptive fields are those of one input of {in_words(shape)}.",)
    return from_graph(graph, title, parameters=parameters, notes=notes)


def _shaped(module: nn.Module, shape: tuple[int, ...], invocation: Invocation, advice: Advice) -> nn.Module:
    """The module, or a copy whose lazy layers have seen one input."""
    if not any(map(is_lazy, module.parameters())):
        return module
    copy = copied(module)
    with evaluating(copy), torch.no_grad():
        try:
            invocation(copy, _noise(copy, shape))
        except Exception as error:
            raise cannot_run(error, shape, advice) from error
    return copy


def by_shapes(module: nn.Module, shape: tuple[int, ...], invocation: Invocation) -> Graph | None:
    """The run of a copy on the meta device; None where that needs numbers, which are not there, or the model itself."""
    if entangled(module):
        return None
    try:
        copy = shadow(module)
        with evaluating(copy), torch.device("meta"):
            graph, _ = trace(copy, torch.empty((1, *shape), dtype=_dtype(copy)), invocation=invocation)
    except Exception:  # whatever it is: the run on numbers tells whether it is the model's fault, and in its own words
        return None
    return None if graph.torn else graph


def _noise(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    noise = torch.randn((1, *shape), generator=torch.Generator().manual_seed(SEED))
    return noise.to(device=device, dtype=_dtype(module))


def _dtype(module: nn.Module) -> torch.dtype:
    return next((p.dtype for p in module.parameters() if is_lazy(p) or p.is_floating_point()), torch.float32)


# ---- without a run


def modules_alone(module: nn.Module, title: str, why: str) -> Architecture:
    """The modules that have parameters of their own, in the order of their definition; `why` says why no more is known."""
    ops: list[Op] = []
    blocks: list[Block] = []
    counted: set[int] = set()
    within: set[str] = set()
    for path, part in module.named_modules(remove_duplicate=True):
        if any(path[:end] in within for end in range(len(path)) if path[end] == "."):
            continue
        leaf = is_leaf(part)
        if leaf:
            within.add(path)
        weights = [weight for weight in part.parameters(recurse=leaf) if not is_lazy(weight)]
        if weights:
            new = {id(weight): weight.numel() for weight in weights if id(weight) not in counted}
            counted.update(new)
            op = _module_op(path or title, path, part, sum(new.values()), leaf)
            ops.append(replace(op, weights=tuple(weight.numel() for weight in weights)))
    for path, part in module.named_modules():
        if not path or is_leaf(part):
            continue
        inside = [k for k, op in enumerate(ops) if op.path == path or op.path.startswith(f"{path}.")]
        if inside and ops[inside[0]].path != path:
            own = sum(ops[k].parameters for k in inside)
            blocks.append(Block(path, type(part).__name__, inside[0], inside[-1] + 1, parameters=own, path=path))
    edges = tuple(Edge(a.id, b.id, (), dashed=True) for a, b in pairwise(ops))
    total = sum(parameter.numel() for parameter in module.parameters() if not is_lazy(parameter))
    note = f"{why}: these are the modules in the order of their definition; how they are connected is not known."
    return Architecture(title, tuple(ops), edges, tuple(blocks), total, notes=(note,))


def _module_op(name: str, path: str, part: nn.Module, parameters: int, leaf: bool) -> Op:
    family = module_family(part) if leaf else "unknown"
    settings = module_settings(part, ()) if leaf else {}
    op = type(part).__name__
    node = Node(0, 0, LayerName(name), path, op, family, (), (), True, True, settings, (), parameters, 0)
    plain = Op(name, kind_of(node), op, (), path=path, attributes=attributes(node), parameters=parameters)
    return replace(plain, note="Its shape is not known.")
