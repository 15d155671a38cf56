"""One picture of a person moved onto another: dense inverse search (Kroeger et al. 2016, arXiv 1603.03590) in OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 128
"""Flow is looked for at one size, so that it is the same at all."""
LIGHT = 10.0
"""Standard deviation, in pixels of SIDE, over which brightness and contrast are evened out first."""
SMOOTH = 3.0
"""Of the flow: neighbours move together."""


def moved(picture: Tensor, onto: Tensor) -> tuple[Tensor, Tensor]:
    """`picture` (N, 3, H, W) moved to where `onto` has the same things, and how well it fits there (N, 1, H, W) in [0, 1].

    The fit is the correlation of the two around each place, once brightness and contrast are evened out; 0 where negative.
    """
    even_onto, even = _evened(onto), _evened(picture)
    flow = torch.stack([_flow(a, b) for a, b in zip(even_onto, even, strict=True)]).to(picture)
    seen = F.interpolate(flow, picture.shape[-2:], mode="bilinear", align_corners=False)
    there = _taken(picture, seen)
    fit = _blur(even_onto * _taken(even.to(picture), flow).to(even), LIGHT / 2).clamp(0, 1)
    return there, F.interpolate(fit.to(picture), picture.shape[-2:], mode="bilinear", align_corners=False)


def _evened(picture: Tensor) -> Tensor:
    """(N, 1, SIDE, SIDE) of mean 0 and variance 1 around each place."""
    grey = F.interpolate(picture.float().mean(1, keepdim=True), (SIDE, SIDE), mode="bilinear", antialias=True)
    rest = grey - _blur(grey, LIGHT)
    return rest / (_blur(rest.square(), LIGHT) + 0.004).sqrt()


def _blur(picture: Tensor, sigma: float) -> Tensor:
    blurred = [cv2.GaussianBlur(one[0].cpu().numpy(), (0, 0), sigma) for one in picture]
    return torch.from_numpy(np.stack(blurred))[:, None].to(picture)


def _flow(onto: Tensor, picture: Tensor) -> Tensor:
    """(2, SIDE, SIDE): right and down, in sides of the picture."""
    eight = [((one[0].cpu().numpy() * 0.18 + 0.5).clip(0, 1) * 255).astype(np.uint8) for one in (onto, picture)]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = cv2.GaussianBlur(search.calc(eight[0], eight[1], np.zeros((SIDE, SIDE, 2), np.float32)), (0, 0), SMOOTH)
    return torch.from_numpy(found).permute(2, 0, 1) / SIDE


def _taken(picture: Tensor, flow: Tensor) -> Tensor:
    """Each place from where the flow points; beyond the border its mirror image."""
    height, width = picture.shape[-2:]
    y, x = (((torch.arange(side, dtype=picture.dtype, device=picture.device) + 0.5) / side) for side in (height, width))
    place = torch.stack(torch.broadcast_tensors(x[None], y[:, None]), -1) + flow.permute(0, 2, 3, 1)
    return F.grid_sample(picture, 2 * place - 1, mode="bicubic", padding_mode="reflection", align_corners=False)
