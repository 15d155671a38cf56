"""The partial non-local block (Wan et al. 2020, arXiv 2004.09484, section 3.3): holes are filled from intact places only.

Masking behind the softmax and dividing by what is left, as published, is a softmax over the intact keys. So the places are
attended to in blocks, without the matrix of all pairs, which for one megapixel takes 16 GB.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.norms import Norm
from restauro.networks.reflected import ReflectedBlock

REACH = 6
"""Places as far as three residual blocks see."""
PAIRS, ROWS = 2**26, 1024
"""Pairs of places that are weighed at a time, 256 MB where they are written down; torch's fused attention writes none down, and
takes long for few rows."""


def intact(mask: Tensor, size: tuple[int, int], sampled: bool = False) -> Tensor:
    """(N, 1, H, W) in 0..1, 1 = hole, to (N, 1, h, w): how intact the places of a latent are.

    A place is as intact as its worst pixel. sampled: as published. Of each 4x4 pixels the middle four and the first are looked
    at, and a line one pixel wide may be missed; what is grey in the middle is a hole.
    """
    if sampled:
        untouched = F.interpolate(mask, size, mode="bilinear", align_corners=False) == 0
        return F.interpolate(1 - mask, size, mode="nearest") * untouched
    return 1 - F.adaptive_max_pool2d(mask, size)


def masked_attention(
    q: Tensor, k: Tensor, v: Tensor, weight: Tensor, *, own: bool = False, renormalise: bool = True, pairs: int = PAIRS
) -> Tensor:
    """(N, m, c): sum_j w_j exp(q_i k_j) v_j / sum_j w_j exp(q_i k_j); zero where every weight is zero.

    q: (N, m, c); k, v: (N, n, c). weight: (N, n) in 0..1, of the keys. own: a place may always use itself (m = n). renormalise:
    otherwise the sum below is over all keys, whatever their weight. pairs: how many are weighed at a time; memory stays
    below that and a few times the size of v. Time grows with m n: 0.3 million places take minutes on a CPU.
    """
    rows = max(1 if own else ROWS, pairs // k.shape[1])
    if not (own or renormalise):
        v, weight = v * weight[..., None], torch.ones_like(weight)
    lowest = torch.finfo(q.dtype).min / 2  # not -inf: a block of keys without any weight would be 0 / 0
    found = []
    for start in range(0, q.shape[1], rows):
        part = q[:, start : start + rows]
        shares = weight[:, None]
        if own:
            here = torch.arange(start, start + part.shape[1], device=q.device)
            shares = shares.repeat(1, len(here), 1)
            shares[:, here - start, here] = 1
        logs = torch.where(shares > 0, shares.clamp(min=1e-30).log(), lowest).to(q)
        answer = F.scaled_dot_product_attention(part[:, None], k[:, None], v[:, None], attn_mask=logs[:, None], scale=1.0)[:, 0]
        if own and not renormalise:
            answer = answer * _left(part, k, shares)
        found.append(answer * shares.amax(2)[..., None].sign())
    return torch.cat(found, 1)


def _left(q: Tensor, k: Tensor, shares: Tensor) -> Tensor:
    """(N, rows, 1): the part of the softmax over all keys that falls to those with a share."""
    return ((q @ k.mT).softmax(2) * shares).sum(2, keepdim=True)


class PartialNonLocal(nn.Module):
    """z = v x + (1 - v) R(W(attention(x))), v = `intact`, R three residual blocks.

    inner: channels that places are compared in; None: all. own: a hole may look at itself. cosine: by direction alone.
    temperature: what similarities are divided by. renormalise: as in `masked_attention`. norm: instance norms in R.
    """

    def __init__(
        self,
        channels: int,
        inner: int | None = None,
        *,
        own: bool = False,
        cosine: bool = False,
        temperature: float = 1.0,
        renormalise: bool = True,
        norm: Norm = "instance",
    ):
        super().__init__()
        inner = inner or channels
        self.normed = norm != "none"
        self.own, self.cosine, self.temperature, self.renormalise = own, cosine, temperature, renormalise
        self.g, self.theta, self.phi = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.W = nn.Conv2d(inner, channels, 1)
        self.res_block = nn.Sequential(*(ReflectedBlock(channels, norm=norm) for _ in range(3)))

    def forward(self, x: Tensor, mask: Tensor, sampled: bool = False, keys: int = 0) -> Tensor:
        """x (N, channels, h, w); mask (N, 1, H, W) of the picture, 1 = hole. sampled: how `intact` reads the mask.

        keys: at most so many places are looked at, on a grid, where there are more; 0: all. A place that may use itself sees all.
        """
        valid = intact(mask, (x.shape[2], x.shape[3]), sampled)
        step = 1 if self.own or not keys else max(1, math.ceil((x.shape[2] * x.shape[3] / keys) ** 0.5))
        seen, known = (one[:, :, step // 2 :: step, step // 2 :: step] for one in (x, valid))
        layers = ((self.theta, x), (self.phi, seen), (self.g, seen))
        q, k, v = (layer(places).flatten(2).mT.contiguous() for layer, places in layers)
        if self.cosine:
            q, k = F.normalize(q, dim=2), F.normalize(k, dim=2)
        asked = self.asked(valid)
        answer = torch.zeros_like(q)
        if not isinstance(asked, Tensor) or len(asked):
            found = masked_attention(
                q[:, asked] / self.temperature, k, v, known.flatten(1), own=self.own, renormalise=self.renormalise
            )
            answer[:, asked] = found.to(answer.dtype)  # half precision ends where it sums
        filled = self.res_block(self.W(answer.mT.unflatten(2, x.shape[2:])))
        return valid * x + (1 - valid) * filled

    def asked(self, valid: Tensor) -> Tensor | slice:
        """The places that holes are filled from through R: all where R norms the whole, else those near any picture's holes."""
        if self.own or self.normed:
            return slice(None)
        near = F.max_pool2d((1 - valid).amax(0, keepdim=True), 2 * REACH + 1, 1, REACH)
        return near.flatten().nonzero()[:, 0]
