"""What an operation is, however it is written: `nn.Conv2d`, a subclass of it and `F.conv2d` are all of family ``conv``.

    module or function ──▶ family, settings          nn.MaxPool2d(3, 2) ──▶ max_pool, {kernel_size: 3, stride: 2, ...}

A family is what the receptive field, the multiply-accumulates and the kind shown to a reader are worked out from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch._ops import OpOverload
from torch.overrides import resolve_name

Settings = Mapping[str, Any]
"""Plain values by the names torch gives them, without tensors; `weight_shape` stands for the weight."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ACTS = _words(
    "relu relu6 hardtanh threshold clamp clip clamp_min clamp_max leaky_relu rrelu prelu elu selu celu gelu silu mish "
    "hardswish hardsigmoid sigmoid logsigmoid tanh hardshrink softshrink tanhshrink softplus softsign"
)
_ARITHMETIC = _words(
    "add sub subtract rsub mul multiply div divide true_divide iadd isub imul itruediv radd rmul rdiv maximum minimum "
    "fmax fmin where lerp addcmul addcdiv floor_divide floordiv fmod remainder mod atan2 arctan2 hypot logaddexp "
    "logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor and or xor"
)
_POINTWISE = _words(
    "neg negative positive abs absolute exp exp2 log log2 log10 sqrt rsqrt pow rpow float_power square reciprocal floor "
    "ceil round trunc frac sign sgn sin cos tan sinh cosh asin acos atan arctan asinh acosh atanh erf erfc erfinv logit "
    "special_expit nan_to_num expm1 log1p logical_not bitwise_not invert isnan isinf isfinite heaviside masked_fill copy gt lt "
    "ge le eq ne channel_shuffle native_channel_shuffle"
)
_COPIES = _words(
    "to float half double bfloat16 type type_as contiguous clone detach requires_grad data cpu cuda dropout dropout1d "
    "dropout2d dropout3d alpha_dropout feature_alpha_dropout feature_dropout"
)
_REDUCTIONS = _words(
    "mean sum amax amin max min std var var_mean std_mean norm linalg_norm linalg_vector_norm prod logsumexp argmax argmin "
    "median nanmean nansum count_nonzero all any cosine_similarity"
)
_SCANS = _words("cumsum cumprod cummax cummin logcumsumexp sort argsort topk gumbel_softmax")
_PRODUCTS = _words(
    "matmul rmatmul linalg_matmul bmm mm mv dot vdot inner addmm addmv baddbmm addbmm einsum bilinear tensordot cdist "
    "linalg_vecdot chain_matmul linalg_multi_dot"
)
_RECURRENT = _words("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell")

FUNCTIONS: Mapping[str, str] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), "conv"),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), "conv_transpose"),
    **dict.fromkeys((f"max_pool{n}d{more}" for n in (1, 2, 3) for more in ("", "_with_indices")), "max_pool"),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), "avg_pool"),
    "lp_pool2d": "lp_pool",
    **dict.fromkeys(
        (
            f"adaptive_{how}{n}d{more}"
            for n in (1, 2, 3)
            for how, more in (("avg_pool", ""), ("max_pool", ""), ("max_pool", "_with_indices"))
        ),
        "adaptive_pool",
    ),
    "batch_norm": "batch_norm",
    **dict.fromkeys(("group_norm", "instance_norm"), "group_norm"),
    **dict.fromkeys(("layer_norm", "rms_norm"), "layer_norm"),
    **dict.fromkeys(_ACTS, "act"),
    **dict.fromkeys(("softmax", "log_softmax", "softmin", "normalize"), "softmax"),
    **dict.fromkeys(_ARITHMETIC, "arithmetic"),
    **dict.fromkeys(_POINTWISE, "pointwise"),
    **dict.fromkeys(_COPIES, "copy"),
    **dict.fromkeys(_REDUCTIONS, "reduce"),
    "local_response_norm": "channel_norm",
    **dict.fromkeys(("cat", "concat", "concatenate"), "cat"),
    **dict.fromkeys(("pad", "constant_pad_nd"), "pad"),
    **dict.fromkeys(("interpolate", "upsample", "upsample_nearest", "upsample_bilinear"), "resample"),
    "max_unpool2d": "unpool",
    "pixel_shuffle": "pixel_shuffle",
    "pixel_unshuffle": "pixel_unshuffle",
    "linear": "linear",
    **dict.fromkeys(("scaled_dot_product_attention", "multi_head_attention_forward"), "attention"),
    **dict.fromkeys(_PRODUCTS, "matmul"),
    **dict.fromkeys(_RECURRENT, "recurrent"),
    **dict.fromkeys(_SCANS, "scan"),
    "glu": "glu",
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "view_as", "reshape_as"), "reshape"),
    **dict.fromkeys(
        _words("permute transpose swapaxes swapdims movedim moveaxis t T mT H mH adjoint"),
        "permute",
    ),
    **dict.fromkeys(("chunk", "split", "split_with_sizes", "tensor_split"), "split"),
    "unbind": "unbind",
    **dict.fromkeys(("squeeze", "unsqueeze"), "squeeze"),
    **dict.fromkeys(("getitem", "narrow", "select", "index_select"), "getitem"),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), "expand"),
    **dict.fromkeys(("repeat", "tile"), "tile"),
    "repeat_interleave": "repeat",
    "stack": "stack",
    **dict.fromkeys(("flip", "fliplr", "flipud"), "flip"),
    "roll": "roll",
    "unfold": "unfold",
    "fold": "fold",
}
"""Family by the short name of a torch function; a name not here is of family ``unknown``."""

ELASTIC = frozenset(_words("nonzero argwhere masked_select unique unique_consecutive nms batched_nms"))
"""Functions that give as many values as the numbers say."""

_ACTIVATIONS = tuple(
    value for name, value in vars(nn.modules.activation).items()
    if isinstance(value, type) and issubclass(value, nn.Module) and name != "Module"
)  # fmt: skip

_MODULES: tuple[tuple[tuple[type[nn.Module], ...], str], ...] = (
    ((nn.modules.conv._ConvTransposeNd,), "conv_transpose"),
    ((nn.modules.conv._ConvNd,), "conv"),
    ((nn.modules.instancenorm._InstanceNorm, nn.GroupNorm), "group_norm"),
    ((nn.modules.batchnorm._NormBase,), "batch_norm"),
    ((nn.LayerNorm, nn.RMSNorm), "layer_norm"),
    ((nn.LocalResponseNorm,), "channel_norm"),
    ((nn.modules.pooling._MaxPoolNd,), "max_pool"),
    ((nn.modules.pooling._AvgPoolNd,), "avg_pool"),
    ((nn.modules.pooling._LPPoolNd,), "lp_pool"),
    ((nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd), "adaptive_pool"),
    ((nn.Linear,), "linear"),
    ((nn.Bilinear,), "matmul"),
    ((nn.modules.rnn.RNNBase, nn.modules.rnn.RNNCellBase), "recurrent"),
    ((nn.MultiheadAttention,), "attention"),
    ((nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d), "softmax"),
    ((nn.GLU,), "glu"),
    ((nn.Upsample,), "resample"),
    ((nn.PixelShuffle,), "pixel_shuffle"),
    ((nn.PixelUnshuffle,), "pixel_unshuffle"),
    ((nn.ChannelShuffle,), "pointwise"),
    ((nn.Identity, nn.modules.dropout._DropoutNd), "copy"),
    ((nn.modules.padding._ConstantPadNd, nn.modules.padding._ReflectionPadNd, nn.modules.padding._ReplicationPadNd), "pad"),
    ((nn.Flatten, nn.Unflatten), "reshape"),
    ((nn.Embedding,), "lookup"),
    (_ACTIVATIONS, "act"),
)  # fmt: skip

LEAVES: tuple[type[nn.Module], ...] = tuple(one for classes, _ in _MODULES for one in classes)
"""What is drawn as one node, however it is written inside (a Conv2d subclass that pads by a child is one conv)."""

_SETTINGS = _words(
    "kernel_size stride padding dilation output_padding groups padding_mode in_channels out_channels in_features "
    "out_features num_features num_groups num_channels normalized_shape ceil_mode output_size size scale_factor mode "
    "align_corners upscale_factor downscale_factor dim eps negative_slope min_val max_val norm_type count_include_pad "
    "num_heads embed_dim approximate recompute_scale_factor"
)

_POSITIONS: Mapping[str, tuple[str, ...]] = {
    "conv": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "max_pool": ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avg_pool": ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    "lp_pool": ("input", "norm_type", "kernel_size", "stride", "ceil_mode"),
    "adaptive_pool": ("input", "output_size"),
    "pad": ("input", "padding", "mode", "value"),
    "resample": ("input", "size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias"),
    "pixel_shuffle": ("input", "upscale_factor"),
    "pixel_unshuffle": ("input", "downscale_factor"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps"),
    "softmax": ("input", "dim"),
    "reduce": ("input", "dim", "keepdim"),
    "linear": ("input", "weight", "bias"),
    "split": ("input", "split_size", "dim"),
    "unbind": ("input", "dim"),
    "cat": ("tensors", "dim"),
    "stack": ("tensors", "dim"),
    "scan": ("input", "dim"),
    "glu": ("input", "dim"),
    "repeat": ("input", "repeats", "dim"),
    "flip": ("input", "dims"),
    "roll": ("input", "shifts", "dims"),
    "unfold": ("input", "kernel_size", "dilation", "padding", "stride"),
    "fold": ("input", "output_size", "kernel_size", "dilation", "padding", "stride"),
    "unpool": ("input", "indices", "kernel_size", "stride", "padding"),
}
_POSITIONS_OF: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("norm", "normalize", "linalg_norm", "linalg_vector_norm"), ("input", "p", "dim", "keepdim")),
    **dict.fromkeys(("std", "var", "std_mean", "var_mean"), ("input", "dim", "unbiased", "keepdim")),
    "rms_norm": ("input", "normalized_shape", "weight", "eps"),
    "instance_norm": ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"),
    "cosine_similarity": ("x1", "x2", "dim"),
    "topk": ("input", "k", "dim"),
    "gumbel_softmax": ("input", "tau", "hard", "eps", "dim"),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), ("input", "dim0", "dim1")),
    **dict.fromkeys(("movedim", "moveaxis"), ("input", "source", "destination")),
    "narrow": ("input", "dim", "start", "length"),
    "select": ("input", "dim", "index"),
    "index_select": ("input", "dim"),
    "convolution": (
        *("input", "weight", "bias", "stride", "padding", "dilation", "transposed", "output_padding", "groups"),
    ),
}
"""By the short name of a function, where those of its family do not hold."""
_RENAMED = {
    "pad": "padding",
    "axis": "dim",
    "axis0": "dim0",
    "axis1": "dim1",
    "chunks": "split_size",
    "split_size_or_sections": "split_size",
}


def module_family(module: nn.Module) -> str:
    """The family of a leaf module."""
    return next((family for classes, family in _MODULES if isinstance(module, classes)), "unknown")


def own_forward(module: nn.Module) -> bool:
    """Whether a leaf computes what torch's class of its kind does: not where a class outside torch writes its `forward` anew."""
    for name in ("forward", "_conv_forward"):
        writer = next((base for base in type(module).__mro__ if name in vars(base)), None)
        if writer is not None and writer.__module__.partition(".")[0] != "torch":
            return False
    return True


def function_family(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The family of a function's call: ``max`` of two tensors takes the larger of each pair, of one the largest; ``convolution``
    is a transposed one where it is told so."""
    if name == "convolution":
        return "conv_transpose" if kwargs.get("transposed", args[6] if len(args) > 6 else False) else "conv"
    if name in ("max", "min") and ("other" in kwargs or (len(args) > 1 and isinstance(args[1], Tensor))):
        return "arithmetic"
    return FUNCTIONS.get(name, "unknown")


def module_settings(module: nn.Module, pads: tuple[tuple[int, ...], ...]) -> Settings:
    """A leaf module's hyperparameters, and the explicit paddings that it was seen to apply inside itself."""
    found = {name: getattr(module, name) for name in _SETTINGS if _plain(getattr(module, name, None))}
    if isinstance(module, nn.Softmax2d):
        found["dim"] = -3
    if isinstance(module, nn.modules.batchnorm._NormBase):
        kept = module.track_running_stats or not isinstance(module, nn.modules.instancenorm._InstanceNorm)
        found["own_statistics"] = not module.training and module.running_mean is not None and kept
    if pads:
        found["pads"] = pads
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(item is None or _plain(item) for item in value)
    return isinstance(value, (int, float, str))


def mask_settings(family: str, at: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settings:
    """The shape of what attention adds to its scores, which stands `at` so many arguments where it has no name; and whether a call
    of a module leaves out tokens, which stands fourth."""
    if family != "attention":
        return {}
    mask = kwargs.get("attn_mask", args[at] if at < len(args) else None)
    tokens = kwargs.get("key_padding_mask", args[3] if at > 3 and len(args) > 3 else None)
    found: dict[str, Any] = {"mask_shape": tuple(mask.shape)} if isinstance(mask, Tensor) else {}
    return found | ({"leaves_out": True} if isinstance(tokens, Tensor) else {})


def function_settings(name: str, family: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settings:
    """A function call's arguments by name, with the kernel's sizes read from the weight where there is one."""
    positions = _POSITIONS_OF.get(name) or _POSITIONS.get(family, ())
    said = {**dict(zip(positions, args, strict=False)), **kwargs}
    said = {_RENAMED.get(key, key): value for key, value in said.items()}
    if isinstance(said.get("dim"), bool):  # x.std(True): of all, without bias
        del said["dim"]
    if (
        family == "reduce"
        and name not in _POSITIONS_OF
        and len(args) > 1
        and all(isinstance(value, int) and not isinstance(value, bool) for value in args[1:])
    ):
        said["dim"] = tuple(args[1:])  # x.mean(2, 3)
        said["keepdim"] = kwargs.get("keepdim", False)
    found = {key: value for key, value in said.items() if _plain(value)}
    weight = said.get("weight")
    if isinstance(weight, Tensor):
        shape, groups = tuple(weight.shape), int(found.get("groups", 1))
        found["weight_shape"] = shape
        if family in ("conv", "conv_transpose"):
            found["kernel_size"] = shape[2:]
            ours, theirs = (shape[1] * groups, shape[0]) if family == "conv" else (shape[0], shape[1] * groups)
            found["in_channels"], found["out_channels"] = ours, theirs
        elif family == "linear":
            found["in_features"], found["out_features"] = shape[-1], shape[0]
    if name in ("batch_norm", "instance_norm"):
        measured = kwargs.get("training" if name == "batch_norm" else "use_input_stats", name == "instance_norm")
        found["own_statistics"] = not (args[5] if len(args) > 5 else measured)
    if name == "upsample_bilinear":
        found = {**found, "mode": "bilinear", "align_corners": True}
    if name == "cosine_similarity":
        found.setdefault("dim", 1)
    if name == "chunk" and "split_size" in found:
        found["chunks"] = found.pop("split_size")
    return found


def function_name(function: Callable[..., Any]) -> str:
    """``relu`` of torch.nn.functional.relu, torch.relu, Tensor.relu and torch.ops.aten.relu.default; ``T`` of the property Tensor.T."""
    if isinstance(function, OpOverload):  # as an exported program calls them
        function = function.overloadpacket
    name = getattr(function, "__name__", None) or (resolve_name(function) or "").rpartition(".")[2]
    return str(getattr(getattr(function, "__self__", None), "__name__", name) if name == "__get__" else name)


def short_name(name: str) -> str:
    """``add`` of ``add_``, ``iadd`` of ``__iadd__``: a function's name without underscores around it."""
    return name.strip("_")


def pair(value: Any) -> tuple[Any, Any]:
    """(y, x) of a number, a pair or a one-element tuple; of (z, y, x) the last two."""
    if isinstance(value, (tuple, list)):
        return (value[-2:][0], value[-1])
    return (value, value)
