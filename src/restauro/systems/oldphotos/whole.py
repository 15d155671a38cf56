"""A photograph of any size through the two VAEs and the mapping: r -> G_Y(T(E_RX(r))) (Wan et al. 2020, section 3).

What does not divide is mirrored at the edges and cut off again. Of a large photograph only latents, at a quarter of its size,
are ever in memory as a whole; the layers above go over it in bands, with the instance norms' statistics of all of it. So there
are no tiles whose tones could differ: the answer is that of the undivided photograph.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.core.recipe import Whole
from restauro.networks.banded import banded
from restauro.networks.latent_mapping import LatentMapping, ScratchMapping
from restauro.networks.photo_vae import PhotoVAE
from restauro.networks.reflected import ReflectedBlock
from restauro.systems._prior import precision
from restauro.systems.oldphotos.recipe import weights_of
from restauro.weights.store import load

PIECE = 2**19
"""Pixels that go through the networks' layers at full size at once."""
HALO = 32
"""Pixels of a band beyond what is kept of it: the layers above the latents see half as far."""
KEYS = 2**17
"""Places of the latents, two megapixels of the picture, that holes are filled from; of more, a grid of so many: else the time
grows with the square of the picture."""
NEAR = 8
"""Pixels: as far as white holes show in the latents around them."""
LEAST = 32
"""Pixels a side, so that latents can be mirrored."""


class Trio(NamedTuple):
    """VAE-1, the mapping, VAE-2."""

    old: PhotoVAE
    mapping: nn.Module
    clean: PhotoVAE

    @classmethod
    def load(cls, whole: Whole, device: torch.device) -> Trio:
        """Raises WeightsError where one of them is missing, or they do not belong together."""
        first, second, mapping = (load(name, device) for name in weights_of(whole))
        if not isinstance(first, PhotoVAE) or not isinstance(second, PhotoVAE) or first.latent != second.latent:
            raise WeightsError(f"{', '.join(weights_of(whole)[:2])}: are no two VAEs of Old Photos with latents of one kind")
        return cls(first, mapping, second)

    @property
    def fills(self) -> bool:
        """Whether the mapping is told of holes."""
        return not isinstance(self.mapping, LatentMapping)

    @property
    def closes(self) -> bool:
        """Whether holes are shown to it closed from their edges, not white."""
        return getattr(self.mapping, "skip", None) is not None

    def __call__(self, picture: Tensor, mask: Tensor, detail: float = 0.0) -> Tensor:
        """(1, 3, H, W) in [-1, 1], holes white or closed, and (1, 1, H, W), 1 = hole, to (1, 3, H, W).

        Sides are multiples of the VAEs'.

        detail: how much comes back, away from holes, of what VAE-1 does not see in the photograph: the finest detail, and grain.
        """
        latent = encoded(self.old, picture)
        unseen = detail * away(mask) * (picture - decoded(self.old, latent)) if detail else torch.zeros(())
        if isinstance(self.mapping, ScratchMapping):
            latent = self.mapping(latent, mask, keys=KEYS)
        else:
            latent = self.mapping(latent, mask) if self.fills else self.mapping(latent)
        return decoded(self.clean, latent).float().add_(unseen).clamp_(-1, 1)


def encoded(vae: PhotoVAE, picture: Tensor) -> Tensor:
    """`vae.encode`, in bands as far as the layers before the first residual block go."""
    layers = list(vae.encoder)
    blocks = [place for place, layer in enumerate(layers) if isinstance(layer, ReflectedBlock)]
    split = max(place for place, layer in enumerate(layers[: blocks[0]]) if isinstance(layer, nn.Conv2d)) + 1
    latent = banded(layers[:split], picture, _rows(picture.shape[3]), HALO)
    for layer in layers[split:]:
        latent = layer(latent)
    return latent


def decoded(vae: PhotoVAE, latent: Tensor) -> Tensor:
    """`vae.decode`, in bands from the layers behind the last residual block."""
    layers = list(vae.decoder)
    split = max(place for place, layer in enumerate(layers) if isinstance(layer, ReflectedBlock)) + 1
    for layer in layers[:split]:
        latent = layer(latent)
    return banded(layers[split:], latent, _rows(latent.shape[3] * 4) // 4, HALO // 4)


def away(mask: Tensor) -> Tensor:
    """(1, 1, H, W), 1 = hole, to the same, 1 = so far from holes that VAE-1's view of them does not matter; softly."""
    near = F.max_pool2d(mask, 2 * NEAR + 1, 1, NEAR)
    return 1 - F.avg_pool2d(near, NEAR + 1, 1, NEAR // 2, count_include_pad=False)


def _rows(width: int) -> int:
    """Of a band, in the picture: a multiple of every stride."""
    return max(1, PIECE // width // HALO) * HALO


def restore(pixels: np.ndarray, mask: np.ndarray, trio: Trio, device: torch.device, detail: float = 0.0) -> np.ndarray:
    """(H, W, 3) in [0, 1] and (H, W), 1 = hole, to (H, W, 3) float32 in [0, 1], the same size."""
    height, width = pixels.shape[:2]
    multiple = int(trio.old.multiple)
    sides = [(0, max(-side % multiple, LEAST - side)) for side in (height, width)]
    picture = torch.from_numpy(np.pad(pixels, [*sides, (0, 0)], mode="reflect")).permute(2, 0, 1)[None]
    holes = torch.from_numpy(np.pad(mask, sides, mode="reflect"))[None, None]
    seen = picture.to(device).mul_(2).sub_(1)  # in place: it is large
    if not trio.closes:
        seen.lerp_(torch.ones((), device=device), holes.to(device))
    answer = _call(trio, seen, holes.to(device), detail)[0, :, :height, :width]
    return np.ascontiguousarray(answer.add_(1).div_(2).permute(1, 2, 0).cpu().numpy())


@torch.no_grad()
def _call(trio: Trio, picture: Tensor, mask: Tensor, detail: float) -> Tensor:
    with precision(picture.device):
        answer = trio(picture, mask, detail)
    if not torch.isfinite(answer).all():
        warnings.warn("low precision gave numbers that are not finite; computing in full precision", stacklevel=2)
        answer = trio(picture, mask, detail)
    if not torch.isfinite(answer).all():
        raise WeightsError("the networks of Old Photos answer with numbers that are not finite: their weights are unusable")
    return answer
