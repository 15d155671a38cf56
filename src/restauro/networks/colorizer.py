"""A small network that tells what colours a grey picture could have (Zhang et al. 2016, arXiv 1603.08511; Iizuka et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.blocks import Norm, ResBlock, Stage

PATCH = 4
"""Pixels of a side that share a colour: colour is coarse, and edges are found in the photograph itself."""
BENT = 1.5
"""Bins lie the denser the nearer to grey they are: at the places u of [-1, 1] the chroma reach * sign(u) |u|^BENT."""


class Colorizer(nn.Module):
    """(N, 1, H, W) luma in [-1, 1] to (N, bins^2, H/4, W/4) logits over chroma; H and W are multiples of `multiple`.

    What a picture is as a whole (its features' mean) scales and shifts every block behind it: the same grey is sky here and a
    wall there. Chroma is the pair (B - Y, R - Y) over (0.886, 0.701), each in [-1, 1], Y the luma of ITU-R BT.601: what is
    added to a grey picture along it leaves the luma alone.

    mult, blocks: widths over `width` and residual blocks of the levels. bins: along an axis of the chroma plane, an odd number;
    reach: chroma of the outermost. temperature: of `chroma`; 1 is the mean of all that could be, 0 the likeliest bin.
    """

    def __init__(
        self,
        width: int = 48,
        mult: Sequence[float] = (1, 1.5, 2),
        blocks: Sequence[int] = (1, 2, 2),
        known: int = 48,
        bins: int = 13,
        reach: float = 0.8,
        temperature: float = 0.5,
    ):
        super().__init__()
        if not (bins % 2 and len(mult) == len(blocks)):
            raise ValueError(f"{bins} bins, {len(mult)} widths, {len(blocks)} blocks: bins are odd, the others as many")
        self.bins, self.reach, self.temperature = bins, reach, temperature
        self.multiple = PATCH * 2 ** (len(mult) - 1)
        widths = [round(width * m) for m in mult]
        self.first = nn.Conv2d(PATCH**2, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        at = widths[0]
        for wide, count in zip(widths, blocks, strict=True):
            self.down.append(Stage(*[_block(at if i == 0 else wide, wide, 0) for i in range(count)]))
            at = wide
        self.whole = nn.Sequential(nn.Linear(at, known), nn.SiLU())
        self.middle = _block(at, at, known)
        for wide in widths[-2::-1]:
            self.up.append(_block(at + wide, wide, known))
            at = wide
        self.out = nn.Sequential(Norm(at, 8), nn.SiLU(), nn.Conv2d(at, bins**2, 1))

    def forward(self, light: Tensor) -> Tensor:
        h = self.first(F.pixel_unshuffle(light, PATCH))
        skips = []
        for level, stage in enumerate(self.down):
            h = stage(F.avg_pool2d(h, 2) if level else h, None)
            skips.append(h)
        seen = self.whole(skips.pop().mean((2, 3)))
        h = self.middle(h, seen)
        for block in self.up:
            h = block(torch.cat([F.interpolate(h, scale_factor=2.0, mode="nearest"), skips.pop()], 1), seen)
        logits: Tensor = self.out(h)
        return logits

    def chroma(self, logits: Tensor) -> Tensor:
        """(N, 2, h, w): the annealed mean (Zhang et al., equation 5), between the mean, which is dull, and a patchy mode."""
        n, _, height, width = logits.shape
        shares = (logits / max(self.temperature, 1e-3)).softmax(1).view(n, self.bins, self.bins, height, width)
        centres = self.centres().to(logits)
        return torch.stack([torch.einsum("nbrhw,b->nhw", shares, centres), torch.einsum("nbrhw,r->nhw", shares, centres)], 1)

    def centres(self) -> Tensor:
        """(bins,) chroma along an axis."""
        places = torch.linspace(-1, 1, self.bins)
        return self.reach * places.sign() * places.abs() ** BENT

    def shares(self, chroma: Tensor) -> Tensor:
        """(N, 2, h, w) chroma to (N, bins^2, h, w): shared among the four bins around it, whose mean it nearly is."""
        scaled = (chroma / self.reach).clamp(-1, 1)
        places = (scaled.sign() * scaled.abs() ** (1 / BENT) + 1) / 2 * (self.bins - 1)
        steps = torch.arange(self.bins, dtype=chroma.dtype, device=chroma.device)[:, None, None]
        blue, red = ((1 - (axis[:, None] - steps).abs()).clamp_min(0) for axis in places.unbind(1))
        return (blue[:, :, None] * red[:, None]).flatten(1, 2)


def _block(channels: int, out: int, known: int) -> ResBlock:
    return ResBlock(channels, out, known, groups=8, dropout=0.0, scale_shift=True)
