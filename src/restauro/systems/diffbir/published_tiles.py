"""The autoencoder in tiles as version 2.1 publishes it, which is not the autoencoder: for `faithful` only.

All tiles go through the network in step, and at every group norm they agree on statistics: means of the tiles' means and of their
variances, weighted by pixels. Left out, as published, is how the means differ, what tiles share counts twice, and attention stays
inside a tile. Ours is exact (codec.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from restauro.networks.autoencoder_kl import AutoencoderKL

ENCODER_PAD, DECODER_PAD = 32, 11
"""Pixels, and latents, that a tile sees beyond what is kept of it."""

Span = tuple[int, int]
Ratio = tuple[int, int]


class Box(NamedTuple):
    """What a tile sees, and what is kept of it: rows and columns from and to."""

    rows: Span
    columns: Span
    kept_rows: Span
    kept_columns: Span


def boxes(height: int, width: int, tile: int, pad: int) -> list[Box]:
    """Row by row."""
    wide = list(_spans(width, tile, pad))
    high = _spans(height, tile, pad)
    return [Box(rows, columns, top, left) for rows, top in high for columns, left in wide]


def _spans(length: int, tile: int, pad: int) -> Iterator[tuple[Span, Span]]:
    """Seen and kept. Tiles of the same length, rounded up where that still is no more than a tile; none at the two ends."""
    count = max(1, -(-(length - 2 * pad) // tile))
    share = -(-(length - 2 * pad) // count)
    side = next(one for step in (32, 16, 8, 4, 2, 1) if (one := -(-share // step) * step) <= tile)
    for i in range(count):
        first, last = pad + i * side, pad + (i + 1) * side
        seen = max(0, first - pad), min(length, last + pad)
        yield seen, (first if i else 0, last if i < count - 1 else length)


def encoded(network: AutoencoderKL, picture: Tensor, tile: int = 256) -> Tensor:
    """(N, 3, H, W) to the encoder's answer (N, 2 latent, H / 8, W / 8), before `quant_conv`; tile: pixels a side."""
    return _in_tiles(network.encoder, picture, tile, ENCODER_PAD, (1, network.multiple))


def decoded(network: AutoencoderKL, latents: Tensor, tile: int = 32) -> Tensor:
    """Latents as the network has them, unscaled, to a picture; tile: latents a side."""
    return _in_tiles(network.decoder, network.post_quant_conv(latents), tile, DECODER_PAD, (network.multiple, 1))


@torch.no_grad()
def _in_tiles(network: Callable[[Tensor], Tensor], x: Tensor, tile: int, pad: int, scale: Ratio) -> Tensor:
    height, width = x.shape[-2:]
    if max(height, width) <= tile + 2 * pad:
        return network(x)
    where, (up, down) = boxes(height, width, tile, pad), scale
    answers = in_step(network, [x[..., slice(*box.rows), slice(*box.columns)] for box in where])
    out = x.new_empty(*answers[0].shape[:2], height * up // down, width * up // down)
    for box, answer in zip(where, answers, strict=True):
        (top, bottom), (left, right) = ([at * up // down for at in span] for span in (box.kept_rows, box.kept_columns))
        above, before = box.rows[0] * up // down, box.columns[0] * up // down
        out[..., top:bottom, left:right] = answer[..., top - above : bottom - above, left - before : right - before]
    return out


def in_step(network: Callable[[Tensor], Tensor], parts: Sequence[Tensor]) -> list[Tensor]:
    """What the network says to each part, with group norms of pooled statistics; without gradients."""
    pool = Pool(len(parts))

    def one(index: int) -> Tensor:
        try:
            with torch.no_grad(), InStep(pool, index):  # both hold for a thread
                return network(parts[index])
        except BaseException:
            pool.barrier.abort()  # the others wait for this one
            raise

    with ThreadPoolExecutor(len(parts)) as threads:
        return list(threads.map(one, range(len(parts))))


class Pool:
    """What all parts say of their statistics."""

    def __init__(self, count: int):
        self.barrier, self.said = Barrier(count), [(torch.zeros(()), torch.zeros(()), 0)] * count

    def agreed(self, index: int, mean: Tensor, variance: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
        """Mean and variance, weighted by pixels, when all have said theirs."""
        self.said[index] = mean, variance, pixels
        self.barrier.wait()
        means, variances, counts = zip(*self.said, strict=True)
        shares = torch.tensor(counts).to(mean)[:, None, None, None] / sum(counts)
        pooled = (torch.stack(means) * shares).sum(0), (torch.stack(variances) * shares).sum(0)
        self.barrier.wait()  # before the next norm's are said
        return pooled


class InStep(TorchFunctionMode):
    def __init__(self, pool: Pool, index: int):
        super().__init__()
        self.pool, self.index = pool, index

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (self.normed if function is F.group_norm else function)(*args, **(kwargs or {}))

    def normed(
        self, x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
    ) -> Tensor:
        own = torch.var_mean(x.reshape(len(x), num_groups, -1), -1, correction=0, keepdim=True)
        mean, variance = self.pool.agreed(self.index, own[1], own[0], x.shape[2] * x.shape[3])
        even = ((x.reshape(len(x), num_groups, -1) - mean) / (variance + eps).sqrt()).view(x.shape)
        scale, shift = (other if one is None else one[:, None, None] for one, other in ((weight, 1.0), (bias, 0.0)))
        return even * scale + shift
