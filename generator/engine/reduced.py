"""A twin of a model for searches, in bfloat16: some processors multiply matrices of such numbers several times as fast.

    x, float32 ─▶ bfloat16 ─▶ conv ─▶ ReLU ─▶ …  ─▶ map, bfloat16 ─▶ float32

bfloat16 reaches as far as float32 and has two to three digits, which is enough to tell which way is up. What is told of a picture
that was found is never computed so.

Two kinds of modules stay in float32. Batch normalisations that are merged into nothing: their statistics are far apart, and
torch takes other numbers than theirs. And convolutions that are grouped and strided at once; these and some others are computed
another way (`generator.engine.convolved`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from generator.engine.capture import prepared
from generator.engine.convolved import Alone, Wide, another, put_before, take_away
from generator.engine.invoke import Invocation
from generator.model.calls import tensors
from generator.model.twin import alongside, twin
from generator.room import no_room

if TYPE_CHECKING:
    from generator.engine.passes import Engine

PRECISIONS = ("auto", "float32", "bfloat16")
NEAR = 0.1
"""Of the length of what a model gives: how far the twin may be from it. Rounding at every layer of a deep network is 0.01 to 0.03."""
ABLE = ("amx_bf16", "avx512_bf16", "bf16")
"""What torch calls the instructions of processors that multiply such numbers."""

OLDER = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
"""Where an older torch says so."""


class Refused(Exception):
    """There is no such twin of a model; the text says why, as the end of a sentence on it."""


def able(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16: without, it is slower than float32."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    known = getattr(torch.cpu, "get_capabilities", None)  # not in every torch that will do
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if known is None:
        return any(getattr(torch.cpu, name, bool)() for name in OLDER)
    has = known()
    return any(has.get(name, False) for name in ABLE)


def reduced_of(engine: Engine, light: nn.Module) -> nn.Module:
    """The twin of an engine's `light`; of the engine of a copy, one on the weights of the lender's.

    Raises:
        Refused: there is none.
    """
    if engine.dtype != torch.float32:
        raise Refused(f"is of another precision ({str(engine.dtype).removeprefix('torch.')})")
    if engine.facts is None:
        raise Refused("is not described")
    if engine.lender is not None:
        with engine.lender.lending:
            return alongside(engine.lender.reduced())
    noise = torch.randn(1, *engine.facts.input_shape, generator=torch.Generator().manual_seed(0))
    with prepared(engine.module):
        return reduced(light, engine.batch(noise), engine.invocation)


def reduced(module: nn.Module, x: Tensor, invocation: Invocation) -> nn.Module:
    """The twin of `module`, in channels-last.

    `module` is in evaluation mode and frozen; `x` (n, c, h, w), float32, is the input that the two are compared on, forward and
    backward. What the twin takes is half of the weights' memory.

    Raises:
        Refused: the model cannot be copied, does not run so, or then gives something else, or no numbers.
    """
    try:
        found = _made(module)
        (own, steep), (mine, other) = _felt(module, x, invocation), _felt(found, x.bfloat16(), invocation)
    except Exception as error:  # a module that cannot be copied, or whose code makes numbers of another kind
        if no_room(error):
            raise
        raise Refused(f"does not run in bfloat16 ({_first_line(error)})") from None
    if not own or [value.shape for value in own] != [value.shape for value in mine]:
        raise Refused("gives something else in bfloat16")
    for a, b in zip(own, mine, strict=True):
        finite = a.isfinite()
        if not torch.equal(finite, b.isfinite()):
            raise Refused("gives what is no number in bfloat16")
        if not bool((a[finite] - b[finite]).norm() <= NEAR * a[finite].norm()):
            raise Refused("gives something else in bfloat16")
    if steep != other:
        raise Refused("has a gradient in bfloat16 that is no number")
    return found


def _made(module: nn.Module) -> nn.Module:
    made = twin(module)
    for part in made.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            continue
        take_away(part, Alone)
        if (first := another(part)) is not None:
            put_before(part, first)
            if first is Wide:
                continue
        for held in (part._parameters, part._buffers):
            for name, value in held.items():
                if value is not None and value.is_floating_point():
                    held[name] = _converted(value)
    return made


def _converted(value: Tensor) -> Any:
    form = torch.channels_last if value.dim() == 4 else torch.preserve_format
    made = value.detach().to(torch.bfloat16, memory_format=form)
    return nn.Parameter(made, requires_grad=False) if isinstance(value, nn.Parameter) else made


def _felt(module: nn.Module, x: Tensor, invocation: Invocation) -> tuple[list[Tensor], bool]:
    """The floating outputs, and whether the gradient of their means is finite everywhere."""
    leaf = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    found = [value for value in tensors(invocation(module, leaf + 0)) if value.is_floating_point()]
    means = [value.float().mean() for value in found if value.requires_grad]
    (gradient,) = torch.autograd.grad(torch.stack(means).sum(), leaf, allow_unused=True) if means else (None,)
    return [value.detach().float() for value in found], gradient is None or bool(gradient.isfinite().all())


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
