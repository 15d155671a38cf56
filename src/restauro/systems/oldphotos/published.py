"""The published program's way of a photograph (Wan et al.; arXiv 2004.09484), defects included: resampled, then stretched.

Pictures are (H, W, 3) uint8 as it keeps them between its stages; what networks see is (1, C, H, W) in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from restauro.networks.latent_mapping import LatentMapping
from restauro.systems.oldphotos.sizes import detection_size, network_size, restoration_size

THRESHOLD = 0.4
"""Of the detector's probability."""
Mapping = Callable[[Tensor, Tensor | None], Tensor]
"""The latent (1, C, H/4, W/4) of an old photograph to that of a clean one, told (1, 1, H, W) where the holes are."""


def as_published(mapping: nn.Module) -> Mapping:
    """A network of `networks.latent_mapping`, which looks at five of sixteen pixels of the mask, if at any."""

    def mapped(latent: Tensor, mask: Tensor | None) -> Tensor:
        if isinstance(mapping, LatentMapping):
            return mapping(latent)
        told = latent.new_zeros(1, 1, 4 * latent.shape[2], 4 * latent.shape[3]) if mask is None else mask
        return mapping(latent, told, sampled=True)

    return mapped


class Detection(NamedTuple):
    """resized: the picture from which everything goes on. mask: (H, W) bool of that size."""

    resized: np.ndarray
    mask: np.ndarray


class Restoration(NamedTuple):
    """composited: what was restored, holes white. mask: (H, W) bool, as it was used. answer: (1, 3, H, W). written: (H, W, 3)."""

    composited: np.ndarray
    mask: np.ndarray | None
    answer: Tensor
    written: np.ndarray


def resized(picture: np.ndarray, size: tuple[int, int], kernel: Image.Resampling = Image.Resampling.BILINEAR) -> np.ndarray:
    """To (width, height), on 8 bits."""
    return np.asarray(Image.fromarray(picture).resize(size, kernel))


def to_tensor(picture: np.ndarray) -> Tensor:
    """(H, W) or (H, W, 3) uint8 to (1, C, H, W) in [-1, 1]."""
    levels = torch.from_numpy(picture.astype(np.float32)) / 255 * 2 - 1
    return levels.reshape(*picture.shape[:2], -1).permute(2, 0, 1)[None]


def grey(picture: np.ndarray) -> Tensor:
    """What the detector looks at, (1, 1, H, W), before it is shrunk."""
    return to_tensor(np.asarray(Image.fromarray(picture).convert("L")))


def shrunk(light: Tensor) -> Tensor:
    """The same with a short side of 256, which is where thin scratches are lost: bilinear, without care for aliases."""
    width, height = network_size(light.shape[-1], light.shape[-2])
    return F.interpolate(light, (height, width), mode="bilinear", align_corners=False)


def mask_of(probability: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 1, H, W) bool at (height, width) from the detector's (1, 1, h, w)."""
    return F.interpolate(probability, size, mode="nearest") >= THRESHOLD


@torch.no_grad()
def detect(picture: np.ndarray, detector: Callable[[Tensor], Tensor], *, scale: bool = False) -> Detection:
    """The scratches of a picture; detector: (1, 1, h, w) in [-1, 1] to logits. The picture comes back resampled."""
    size = detection_size(picture.shape[1], picture.shape[0], scale=scale)
    seen = resized(picture, size, Image.Resampling.BICUBIC)
    light = grey(seen)
    mask = mask_of(detector(shrunk(light)).sigmoid(), (light.shape[-2], light.shape[-1]))
    return Detection(seen, mask[0, 0].numpy())


def composited(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """With white holes; mask: (H, W) bool."""
    return np.where(mask[:, :, None], np.uint8(255), picture)


@torch.no_grad()
def restore(
    picture: np.ndarray,
    encode: Callable[[Tensor], Tensor],
    mapping: Mapping,
    decode: Callable[[Tensor], Tensor],
    *,
    mask: np.ndarray | None = None,
    dilations: int = 0,
    scale: bool = False,
) -> Restoration:
    """G_Y(T(E_RX(r))): encode to the mean of the latent, map, decode.

    mask: (H, W), whatever is not 0 is a hole; the picture is then taken as it is, as `detect` returns it, else it is resampled.
    dilations: by 3 x 3, so many times (3 for high resolution).
    """
    if mask is None:
        seen = resized(picture, restoration_size(picture.shape[1], picture.shape[0], scale=scale))
        holes, told = None, None
    else:
        holes = cv2.dilate((mask > 0).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=dilations) > 0
        seen = composited(picture, holes)
        told = torch.from_numpy(holes)[None, None].float()
    answer = decode(mapping(encode(to_tensor(seen)), told))
    return Restoration(seen, holes, answer, stretched(answer)[0])


def stretched(answer: Tensor) -> np.ndarray:
    """(N, 3, H, W) to (N, H, W, 3) uint8: darkest to 0 and lightest to 255, whatever they were."""
    low, high = answer.amin(), answer.amax()
    levels = (answer - low) / (high - low).clamp(min=1e-5) * 255 + 0.5
    return levels.clamp(0, 255).permute(0, 2, 3, 1).byte().numpy()
