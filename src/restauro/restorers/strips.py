"""A network of convolutions over a photograph of any size: the numbers of one call, in the memory of a few strips.

Not the photograph is cut into tiles but each layer into strips of rows, with the rows around them that its kernel asks for: every
value is what it is in one call, whatever the network's reach, and so are the norms, which see the whole layer. Layers larger
than `KEPT` lie in files without a name in the temporary folder ($TMPDIR), of which no more than the strips at hand is held.

Measured against one call: what differs is the order of sums in float32 (tests/restorers/test_strips.py).
"""

from __future__ import annotations

import math
import mmap
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from restauro.core.errors import WeightsError
from restauro.core.events import Event, Listener, part, silent

STRIP = 2**25
"""Bytes of a strip of a layer, about."""
KEPT = 2**26
"""Bytes of a layer that is kept in memory; a handful of layers is alive at a time."""
LEAST = 16
"""Pixels of a side, so that there is something to mirror."""


@torch.no_grad()
def through(network: nn.Module, picture: np.ndarray, listener: Listener = silent) -> np.ndarray:
    """(H, W, C) in the network's own range to (H, W, C') float32, in float32: bfloat16 has fewer levels than a photograph.

    What its sides lack to a multiple of `network.multiple` is mirrored at the right and below, cut off again, and not seen by
    norms of the picture's own statistics. Raises WeightsError where the network changes the size.
    """
    height, width = picture.shape[:2]
    many = int(getattr(network, "multiple", 1))
    below, right = (max(-side % many, -(-LEAST // many) * many - side) for side in (height, width))
    padded = np.pad(picture, ((0, below), (0, right), (0, 0)), mode="reflect")
    x = torch.from_numpy(np.ascontiguousarray(padded, np.float32)).permute(2, 0, 1)[None]
    layers = sum(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in network.modules())
    seen = height / (height + below), width / (width + right)
    with Strips(next(network.parameters()).device, seen, layers, listener):
        answer = network(x)
    if answer.shape[2:] != x.shape[2:]:
        raise WeightsError(f"these weights change the size of a picture, {tuple(x.shape[2:])} to {tuple(answer.shape[2:])}")
    return answer[0, :, :height, :width].permute(1, 2, 0).cpu().numpy()


class Strips(TorchFunctionMode):
    """While it is entered, layers of (1, C, H, W) are computed strip by strip on `device`; other functions as always.

    seen: share of the height and of the width that is picture; what is right of it and below, padding, enters no norm.
    """

    def __init__(
        self, device: torch.device, seen: tuple[float, float] = (1.0, 1.0), layers: int = 1, listener: Listener = silent
    ):
        super().__init__()
        self.device, self.seen, self.layers, self.listener = device, seen, layers, listener
        self.done = 0
        self.files: WeakValueDictionary[int, np.memmap[Any, Any]] = WeakValueDictionary()
        self.ways: dict[Any, Callable[..., Tensor]] = {
            torch.conv2d: self.convolved,
            torch.conv_transpose2d: self.transposed,
            F.instance_norm: self.by_picture,
            F.group_norm: self.by_groups,
            F.scaled_dot_product_attention: self.attended,
            F.batch_norm: self.by_training,
            F.pad: self.padded,
            F.interpolate: self.repeated,
            torch.cat: self.joined,
        }

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if way := self.ways.get(function):
            return way(*args, **kwargs)
        if getattr(function, "__name__", "") in POINTWISE and not kwargs.get("inplace"):
            return self.pointwise(function, *args, **kwargs)
        return function(*args, **kwargs)

    def new(self, channels: int, height: int, width: int) -> Tensor:
        """Room for a layer whose strips lie in one piece: channels last."""
        shape = height, width, channels
        if 4 * math.prod(shape) <= KEPT:
            return torch.empty(shape, device=self.device).permute(2, 0, 1)[None]
        if self.device.type == "meta":  # without numbers, to see what it would take (weights/footprint.py)
            return torch.empty(shape, device=self.device).permute(2, 0, 1)[None]
        with tempfile.TemporaryFile() as file:
            mapped = np.memmap(file, np.float32, "w+", shape=shape)
        self.files[id(mapped)] = mapped
        return torch.from_numpy(mapped).permute(2, 0, 1)[None]

    def strips(self, out: Tensor, x: Tensor | None = None) -> Iterator[tuple[int, int]]:
        """Rows from and to, of a layer of which a strip has about STRIP bytes, and what of `x` it is made from no more."""
        height = out.shape[2]
        rows = max(8, STRIP * height // (4 * max(out.numel(), 0 if x is None else x.numel())))
        for top in range(0, height, rows):
            yield top, min(top + rows, height)
            for mapped in self.files.values():
                _let_go(mapped)

    def rows(self, x: Tensor, top: int, bottom: int) -> Tensor:
        return x[:, :, top:bottom].to(self.device)

    def heard(self, out: Tensor, x: Tensor) -> Iterator[tuple[int, int]]:
        """The strips of a convolution of x, told to the listener."""
        tell, self.done = part(self.listener, self.done, max(self.layers, self.done + 1)), self.done + 1
        for top, bottom in self.strips(out, x):
            yield top, bottom
            tell(Event("layers", bottom, out.shape[2]))

    def convolved(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        if isinstance(padding, str) or len(x) > 1:
            return torch.conv2d(x, weight, bias, stride, padding, dilation, groups)
        (step, across), (pad, aside), (apart, wide) = _pair(stride), _pair(padding), _pair(dilation)
        reach = apart * (weight.shape[2] - 1) + 1
        height = (x.shape[2] + 2 * pad - reach) // step + 1
        width = (x.shape[3] + 2 * aside - wide * (weight.shape[3] - 1) - 1) // across + 1
        out = self.new(weight.shape[0], height, width)
        for top, bottom in self.heard(out, x):
            first, last = top * step - pad, (bottom - 1) * step - pad + reach
            seen = self.rows(x, max(first, 0), min(last, x.shape[2]))
            seen = F.pad(seen, (0, 0, max(-first, 0), max(last - x.shape[2], 0)))
            out[:, :, top:bottom] = torch.conv2d(seen, weight, bias, (step, across), (0, aside), (apart, wide), groups)
        return out

    def transposed(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Tensor:
        (step, across), (pad, aside), (apart, wide) = _pair(stride), _pair(padding), _pair(dilation)
        (more, beside), reach = _pair(output_padding), apart * (weight.shape[2] - 1) + 1
        if more > pad or len(x) > 1:
            return torch.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)
        height = (x.shape[2] - 1) * step - 2 * pad + reach + more
        width = (x.shape[3] - 1) * across - 2 * aside + wide * (weight.shape[3] - 1) + 1 + beside
        out = self.new(weight.shape[1] * groups, height, width)
        for top, bottom in self.heard(out, x):
            first = max(0, -(-(top + pad - reach + 1) // step))
            last = min(x.shape[2], (bottom - 1 + pad) // step + 1)
            seen, sides = self.rows(x, first, last), ((step, across), (0, aside), (0, beside))
            found = torch.conv_transpose2d(seen, weight, bias, *sides, groups, (apart, wide))
            out[:, :, top:bottom] = found[:, :, top + pad - first * step : bottom + pad - first * step]
        return out

    def by_picture(
        self,
        x: Tensor,
        running_mean: Tensor | None = None,
        running_var: Tensor | None = None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        use_input_stats: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """Instance norm: mean and deviation of the layer where it shows the picture."""
        if not use_input_stats or len(x) > 1:
            return F.instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
        mean, variance = self.statistics(x)
        return self.scaled(x, mean, variance, weight, bias, eps)

    def by_groups(
        self, x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
    ) -> Tensor:
        """Group norm: from the statistics of the channels of a group."""
        if x.ndim != 4 or len(x) > 1:
            return F.group_norm(x, num_groups, weight, bias, eps)
        means, variances = (one.view(num_groups, -1) for one in self.statistics(x))
        mean = means.mean(1, keepdim=True)
        variance = (variances + (means - mean).square()).mean(1, keepdim=True)
        return self.scaled(x, mean.expand_as(means).flatten(), variance.expand_as(means).flatten(), weight, bias, eps)

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel of (1, C, H, W) where it shows the picture, (C,) in double precision."""
        bottom, right = (math.ceil(share * side - 1e-9) for share, side in zip(self.seen, x.shape[2:], strict=True))
        shown = x[:, :, :bottom, :right]
        count, mean, variance = bottom * right, torch.zeros(()), torch.zeros(())
        for top, end in self.strips(shown):
            mean = mean.to(self.device) + self.rows(shown, top, end).double().sum((0, 2, 3)) / count
        for top, end in self.strips(shown):
            away = self.rows(shown, top, end).double() - mean[:, None, None]
            variance = variance.to(self.device) + away.square().sum((0, 2, 3)) / count
        return mean, variance

    def attended(self, query: Tensor, key: Tensor, value: Tensor, *others: Any, **more: Any) -> Tensor:
        """Of some queries at a time: they do not know of each other."""
        if others or more:
            return F.scaled_dot_product_attention(query, key, value, *others, **more)
        key, value = key.to(self.device), value.to(self.device)
        many = max(64, STRIP // (4 * key.shape[-2]))
        return torch.cat([F.scaled_dot_product_attention(some.to(self.device), key, value) for some in query.split(many, -2)], -2)

    def by_training(
        self,
        x: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """Batch norm by what its training saw."""
        if training or len(x) > 1:
            return F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
        return self.scaled(x, running_mean.double(), running_var.double(), weight, bias, eps)

    def scaled(self, x: Tensor, mean: Any, variance: Any, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
        scale = (variance + eps).rsqrt() * (1 if weight is None else weight)
        shift = (0 if bias is None else bias) - mean * scale
        scale, shift = (one.float()[:, None, None] for one in (scale, shift))
        out = self.new(*x.shape[1:])
        for top, bottom in self.strips(out):
            out[:, :, top:bottom] = self.rows(x, top, bottom) * scale + shift
        return out

    def padded(self, x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
        """Rows of a mirrored border are rows of the layer, rows of a constant one are none; the columns are torch's own."""
        known = mode == "reflect" or (mode == "constant" and not value)
        if not known or len(pad) != 4 or len(x) > 1 or (mode == "reflect" and max(pad[2:]) >= x.shape[2]):
            return F.pad(x, pad, mode, value)
        left, right, above, below = pad
        place = np.arange(-above, x.shape[2] + below)
        if mode == "reflect":
            place = np.pad(np.arange(x.shape[2]), (above, below), mode="reflect")
        out = self.new(x.shape[1], len(place), x.shape[3] + left + right)
        for top, bottom in self.strips(out):
            wanted = torch.from_numpy(place[top:bottom])
            beyond = (wanted < 0) | (wanted >= x.shape[2])
            seen = x[:, :, wanted.clamp(0, x.shape[2] - 1).to(x.device)].to(self.device)
            seen[:, :, beyond.to(self.device)] = 0
            out[:, :, top:bottom] = F.pad(seen, (left, right, 0, 0), mode)
        return out

    def repeated(self, x: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", **more: Any) -> Tensor:
        """Each pixel several times, as resize convolutions begin."""
        if mode != "nearest" or scale_factor is None or scale_factor != int(scale_factor) or len(x) > 1:
            return F.interpolate(x, size, scale_factor, mode, **more)
        times = int(scale_factor)
        out = self.new(x.shape[1], x.shape[2] * times, x.shape[3] * times)
        for top, bottom in self.strips(x):
            seen = self.rows(x, top, bottom)
            out[:, :, top * times : bottom * times] = F.interpolate(seen, scale_factor=scale_factor, mode=mode)
        return out

    def joined(self, tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
        if dim != 1 or any(one.ndim != 4 or len(one) > 1 for one in tensors):
            return torch.cat(list(tensors), dim)
        out = self.new(sum(one.shape[1] for one in tensors), *tensors[0].shape[2:])
        for top, bottom in self.strips(out):
            out[:, :, top:bottom] = torch.cat([self.rows(one, top, bottom) for one in tensors], 1)
        return out

    def pointwise(self, function: Any, x: Any, *others: Any, **more: Any) -> Any:
        """A function of each value, or of two layers' values at a place."""
        layers = [one for one in (x, *others) if isinstance(one, Tensor)]
        if any(one.ndim != 4 or one.shape != layers[0].shape or len(one) > 1 for one in layers):
            return function(x, *others, **more)
        out = self.new(*layers[0].shape[1:])
        for top, bottom in self.strips(out):
            cut = [self.rows(one, top, bottom) if isinstance(one, Tensor) else one for one in (x, *others)]
            out[:, :, top:bottom] = function(*cut, **more)
        return out


POINTWISE = {"relu", "leaky_relu", "tanh", "sigmoid", "silu", "add", "__add__", "mul", "__mul__", "sub", "__sub__"}


def _let_go(mapped: np.memmap[Any, Any]) -> None:
    """What was read or written stays in its file, and need not be held in memory as well."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def _pair(value: Any) -> tuple[int, int]:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[-1]))
