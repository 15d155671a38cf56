"""A picture as a network wants to see it: its template, its size, a little blurred if asked for. All of it differentiable."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.photo.faces.align import TEMPLATES, estimate, inverse, scale_of, template
from restauro.weights.passports import Passport
from restauro.weights.store import find, load


def network_of(name: str, kinds: tuple[str, ...], device: torch.device) -> tuple[nn.Module, Passport]:
    """A network and its passport. Raises WeightsError where there is none, or where it is of no such kind."""
    passport, _ = find(name)
    if passport.kind not in kinds:
        wanted = " or ".join(kinds)
        raise WeightsError(f"{name!r} serves as {passport.kind}, not as {wanted}; `restauro models list` shows what is here")
    return load(name, device), passport


def look(picture: Tensor, wanted: Passport, template: str = "", blur: float = 0.0) -> Tensor:
    """(N, 3, H, W) to (N, 3, side, side): aligned and resized as `wanted` was trained, and blurred.

    template: how the faces in the picture are aligned; where that is not known ("") or the same, or where the network
    has none, the picture is only resized, and not even that where the network takes any size. blur: standard deviation
    of a Gaussian, in pixels of the result.
    """
    side = wanted.size
    if not side:
        return gaussian(picture, blur)
    if template == wanted.face_template or not {template, wanted.face_template} <= TEMPLATES.keys():
        return gaussian(to_embedder(picture, side), blur)
    return aligned(picture, template, wanted.face_template, side, blur)


def to_embedder(picture: Tensor, side: int = 112) -> Tensor:
    """(N, 3, H, W) to (N, 3, side, side), bilinear, antialiased."""
    if picture.shape[-2:] == (side, side):
        return picture
    return F.interpolate(picture, (side, side), mode="bilinear", antialias=True, align_corners=False)


def aligned(picture: Tensor, source: str, target: str, side: int, blur: float = 0.0) -> Tensor:
    """A square crop on one template resampled to another, (N, 3, side, side): the similarity that moves five points best.

    Beyond the crop its mirror image is seen. What the result is too small to show is blurred away first.
    """
    own, there = TEMPLATES[target]
    matrix = estimate(template(source, picture.shape[-1]), there)
    scale = scale_of(matrix) * side / own
    soft = gaussian(picture, math.hypot(math.sqrt(max(scale**-2 - 1, 0.0)) / 2, blur / scale))
    place = (torch.arange(side, dtype=torch.float64) + 0.5) * own / side - 0.5  # in pixels of the template's own size
    y, x = torch.meshgrid(place, place, indexing="ij")
    back = torch.from_numpy(inverse(matrix))
    seen = torch.stack([x, y], -1) @ back[:, :2].T + back[:, 2]
    grid = ((2 * seen + 1) / picture.shape[-1] - 1).to(picture)
    return F.grid_sample(soft, grid.expand(len(picture), -1, -1, -1), padding_mode="reflection", align_corners=False)


def gaussian(picture: Tensor, sigma: float) -> Tensor:
    """(N, C, H, W) blurred, mirrored at the borders; unchanged where sigma is too small to matter."""
    radius = math.ceil(3 * sigma)
    if sigma < 0.1:
        return picture
    offsets = torch.arange(-radius, radius + 1, dtype=picture.dtype, device=picture.device)
    kernel = torch.exp(-(offsets / sigma).square() / 2)
    kernel = (kernel / kernel.sum()).expand(picture.shape[1], 1, -1)
    padded = F.pad(picture, [radius] * 4, mode="reflect")
    rows = F.conv2d(padded, kernel[:, :, :, None], groups=picture.shape[1])
    return F.conv2d(rows, kernel[:, :, None, :], groups=picture.shape[1])
