"""A chain of convolutions and instance norms over a picture too large for memory: band by band, and yet exactly.

A band alone would be normed by its own statistics. So the picture is gone over once for each instance norm, whose statistics are
summed over all bands, before the next one's are; the last time the result is kept. Bands overlap by `halo` rows, more than the
convolutions see, and what their edges have spoilt is cut off.

`restorers/strips.py` goes through any network so, and keeps whole layers, large ones in files. For the short chains around the
latents of Old Photos, nearly all of them without norms, computing anew is cheaper: the same numbers, and no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

Norm = tuple[Tensor, Tensor]
"""Scale and shift, (1, C, 1, 1)."""


def banded(layers: Sequence[nn.Module], x: Tensor, rows: int, halo: int) -> Tensor:
    """`nn.Sequential(*layers)(x)`, equal up to rounding, x (1, C, H, W); without gradients.

    rows: of x at a time, a multiple of the layers' stride, as `halo` must be, and H. Layers are convolutions, transposed ones,
    paddings, activations and instance norms that learn nothing.
    """
    norms: dict[int, Norm] = {}
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.InstanceNorm2d):
            norms[place] = _statistics(layer, _bands(layers[:place], x, rows, halo, norms))
    return torch.cat(list(_bands(layers, x, rows, halo, norms)), 2)


def _statistics(layer: nn.InstanceNorm2d, bands: Iterator[Tensor]) -> Norm:
    """Of all bands together, in double precision."""
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for band in bands:
        count += band.shape[2] * band.shape[3]
        double = band.double() if band.device.type != "mps" else band.float()
        total, squares = total + double.sum((0, 2, 3)), squares + double.square().sum((0, 2, 3))
    mean = total / count
    scale = (squares / count - mean.square() + layer.eps).rsqrt()
    return scale.float()[:, None, None], (-mean * scale).float()[:, None, None]


def _bands(layers: Sequence[nn.Module], x: Tensor, rows: int, halo: int, norms: dict[int, Norm]) -> Iterator[Tensor]:
    """What the layers make of each band, without its spoilt edges."""
    height = x.shape[2]
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = max(0, top - halo), min(height, bottom + halo)
        band = x[:, :, first:last]
        for place, layer in enumerate(layers):
            if place in norms:
                scale, shift = norms[place]
                band = (band * scale).add_(shift)
            else:
                band = layer(band)
        share = band.shape[2] / (last - first)
        yield band[:, :, round((top - first) * share) : round((bottom - first) * share)]
