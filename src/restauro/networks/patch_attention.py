"""Patch attention (Wan et al. 2022, arXiv 2009.07047, for high resolution): holes get the most similar intact patch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.reflected import ReflectedBlock

SHARE = 0.6
"""A patch is a hole if more of it is masked."""
PAIRS = 2**26
"""Pairs of patches compared at a time."""


class PatchAttention(nn.Module):
    """(N, channels, h, w) and the picture's mask to (N, channels, h, w).

    The places are cut into patches of `patch` x `patch`. Each that is a hole is replaced by the intact one with the largest
    cosine similarity, and a convolution joins the features, the composed ones and the mask. The choice has no gradient. What
    does not divide is padded by repetition; a picture without an intact patch keeps its features.
    """

    def __init__(self, channels: int, patch: int):
        super().__init__()
        self.patch = patch
        self.F_Combine = nn.Conv2d(2 * channels + 1, channels, 3, padding=1)
        self.res_block = nn.Sequential(ReflectedBlock(channels))

    def forward(self, z: Tensor, mask: Tensor, sampled: bool = False) -> Tensor:
        """mask (N, 1, H, W), 1 = hole; whatever is not 0 counts. sampled: only the middle of 4x4 pixels is looked at."""
        x, size = self.res_block(z), (z.shape[2], z.shape[3])
        looked = F.interpolate(mask, size, mode="bilinear") if sampled else F.adaptive_max_pool2d(mask, size)
        holes = (looked > 0).to(x.dtype)
        composed = torch.stack([composition(*one, self.patch) for one in zip(x, holes, strict=True)])
        out: Tensor = self.F_Combine(torch.cat([z, composed, holes], 1))
        return out


def composition(x: Tensor, holes: Tensor, patch: int, pairs: int = PAIRS) -> Tensor:
    """(C, h, w): x with its holes, (1, h, w) of 0 and 1, filled by copied patches."""
    height, width = x.shape[1:]
    pad = (0, -width % patch, 0, -height % patch)
    x, holes = (F.pad(one[None], pad, mode="replicate") for one in (x, holes))
    patches = F.unfold(x, patch, stride=patch)[0].T
    lost = F.unfold(holes, patch, stride=patch)[0].mean(0) > SHARE
    if lost.any() and not lost.all():
        with torch.no_grad():
            alike = F.normalize(patches, dim=1)
            kept = (~lost).nonzero()[:, 0]
            rows = max(1, pairs // len(kept))
            chosen = torch.cat([(part @ alike[kept].T).argmax(1) for part in alike[lost].split(rows)])
        patches = patches.index_put((lost,), patches[kept[chosen]])
    return F.fold(patches.T[None], x.shape[2:], patch, stride=patch)[0, :, :height, :width]
