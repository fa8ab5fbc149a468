"""A twin of a model for forwards whose outputs are read where they arise: it writes over what nothing reads any more.

    conv ─▶ [hook] ─▶ batch norm, over it ─▶ [hook] ─▶ ReLU6, over it ─▶ [hook]        one block of memory, and not three

These operations do next to nothing with a value, so that fetching and clearing new memory for their outputs takes longer
than they do. Padding clears its frame alone, and not its whole output first. Every output has the same bits as the model's
own. Whose input may be written over is read in the graph of the describing pass (`ModelFacts.overwriting`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from generator.engine.invoke import Invocation
from generator.engine.merged import identical
from generator.model.twin import twin


class Over(nn.modules.batchnorm._BatchNorm):
    """A batch normalisation in evaluation mode that gives its input's own memory."""

    def forward(self, input: Tensor) -> Tensor:
        of_batch = {"save_mean": input.new_empty(0), "save_invstd": input.new_empty(0)}  # in evaluation there are none
        parameters = self.weight, self.bias, self.running_mean, self.running_var
        torch.ops.aten.native_batch_norm.out(input, *parameters, False, 0.0, self.eps, out=input, **of_batch)
        return input


class Frame(nn.ConstantPad2d):
    """Padding that writes each value once: torch's own fills all of its output, and then copies the input into it."""

    def forward(self, input: Tensor) -> Tensor:
        left, right, top, bottom = self.padding
        if input.dim() != 4 or min(self.padding) < 0:
            return super().forward(input)
        n, c, h, w = input.shape
        last = input.is_contiguous(memory_format=torch.channels_last)
        form = torch.channels_last if last else torch.contiguous_format
        size = n, c, top + h + bottom, left + w + right
        found = torch.empty(size, dtype=input.dtype, device=input.device, memory_format=form)
        for side in (found[:, :, :top], found[:, :, top + h :], found[..., :left], found[..., left + w :]):
            side.fill_(self.value)
        found[:, :, top : top + h, left : left + w] = input
        return found


def sparing(module: nn.Module, paths: Sequence[str], x: Tensor, invocation: Invocation) -> nn.Module:
    """The twin in which the batch normalisations and rectifiers at these paths write over their inputs, and paddings clear their
    frames alone; or `module` itself.

    `module` is in evaluation mode, and no gradient is wanted; `x` (n, c, h, w) is the input that the two are compared on. The
    twin takes no memory of its own.
    """
    hooked = any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    if not paths or x.device.type != "cpu" or hooked:  # what a hook keeps would be written over
        return module
    try:
        with torch.no_grad():
            found = twin(module)
            for path in paths:
                part: Any = found.get_submodule(path)
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.__class__ = Over
                else:
                    part.inplace = True
            for part in found.modules():
                if type(part) in (nn.ZeroPad2d, nn.ConstantPad2d):
                    part.__class__ = Frame
            same = identical(invocation(found, x + 0), invocation(module, x + 0))
    except torch.OutOfMemoryError:
        raise
    except Exception:  # a module that cannot be copied
        return module
    return found if same else module
