"""Attention inside windows, which every other time are shifted by half (Liu et al. 2021, arXiv 2103.14030)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(qkv: Tensor, table: Tensor, size: int, shifted: bool) -> Tensor:
    """What each place asks of its window of `size` x `size` places: (N, H, W, 3 C) to (N, H, W, C).

    qkv: q, then k, then v, each head by head. table: (heads, (2 size - 1)^2), added to the logits by the relative position.
    H and W are multiples of `size`. shifted: windows begin half a window later; those over the border stay apart.
    """
    n, height, width, _ = qkv.shape
    heads, shift = len(table), size // 2
    if shifted:
        qkv = qkv.roll((-shift, -shift), (1, 2))
    q, k, v = _windows(qkv, size).unflatten(-1, (3, heads, -1)).permute(3, 0, 1, 4, 2, 5)
    bias = table[:, _relative(size, table.device)]
    if shifted:
        bias = bias.masked_fill(_apart(height, width, size, table.device)[:, None], -torch.inf)
    answer = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype)).transpose(2, 3).flatten(3)
    answer = answer.unflatten(1, (height // size, width // size)).unflatten(3, (size, size))
    answer = answer.transpose(2, 3).reshape(n, height, width, -1)
    return answer.roll((shift, shift), (1, 2)) if shifted else answer


def _windows(x: Tensor, size: int) -> Tensor:
    """(N, H, W, C) to (N, windows, places, C)."""
    n, height, width, channels = x.shape
    blocks = x.view(n, height // size, size, width // size, size, channels).transpose(2, 3)
    return blocks.reshape(n, -1, size * size, channels)


def _relative(size: int, device: torch.device) -> Tensor:
    """(places, places): where in the table the way from the second place to the first stands."""
    rows, columns = (index.flatten() for index in torch.meshgrid(*[torch.arange(size, device=device)] * 2, indexing="ij"))
    down, right = rows[:, None] - rows, columns[:, None] - columns
    return (down + size - 1) * (2 * size - 1) + right + size - 1


def _apart(height: int, width: int, size: int, device: torch.device) -> Tensor:
    """(windows, places, places): true of places that met only because the picture was rolled."""
    rows, columns = (torch.arange(side, device=device) >= side - size // 2 for side in (height, width))
    regions = _windows((2 * rows[:, None] + columns)[None, :, :, None], size)[0, :, :, 0]
    return regions[:, :, None] != regions[:, None, :]
