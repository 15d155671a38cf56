"""The autoencoder of a latent prior as it is used: its mode, scaled; of large pictures in strips, which changes no number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from restauro.diffusion.contract import Codec
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.restorers.strips import Strips
from restauro.systems.diffbir.decoding import decoded

WHOLE = 2**20
"""Pixels of a picture that is coded in one call."""


@dataclass(frozen=True)
class LatentCodec:
    """Pictures (N, 3, H, W) in [-1, 1], of sides that are multiples of the network's, to latents as the prior has them, and back.

    whole: larger pictures are coded layer by layer in strips (exact, norms and attention included; bounded memory,
    restorers/strips.py); where a gradient of `decode` is asked for, that is taken tile by tile (decoding.py).
    """

    network: AutoencoderKL
    whole: int = WHOLE

    def encode(self, picture: Tensor) -> Tensor:
        return self._coded(lambda x: self.network.scale * self.network.encode(x)[0], picture, 1)

    def decode(self, latents: Tensor) -> Tensor:
        x, network = latents / self.network.scale, self.network
        if x.requires_grad and not self._fits(x, network.multiple):
            return torch.cat([decoded(one[None], network.decode, network.multiple) for one in x])
        return self._coded(network.decode, x, network.multiple)

    def _fits(self, x: Tensor, factor: int) -> bool:
        return x.shape[-2] * x.shape[-1] * factor**2 <= self.whole

    def _coded(self, way: Callable[[Tensor], Tensor], x: Tensor, factor: int) -> Tensor:
        if self._fits(x, factor):
            return way(x)
        with torch.no_grad(), Strips(x.device):
            return torch.cat([way(one[None]) for one in x])


@dataclass(frozen=True)
class Known:
    """A codec that is not asked again for the latents of one picture: what the control is shown, properties pull towards, too.

    unseen: what it cannot say of that picture, (N, 3, H, W) or 0; it comes back with whatever is decoded.
    """

    codec: Codec
    picture: Tensor
    latents: Tensor
    unseen: Tensor | float = 0.0

    @classmethod
    def of(cls, codec: Codec, picture: Tensor, residual: float = 0.0) -> Known:
        """residual: how much of what it cannot say comes back, 0 to 1."""
        latents = codec.encode(picture)
        return cls(codec, picture, latents, residual * (picture - codec.decode(latents)) if residual else 0.0)

    def encode(self, picture: Tensor) -> Tensor:
        same = picture.shape == self.picture.shape and torch.equal(picture, self.picture)
        return self.latents if same else self.codec.encode(picture)

    def decode(self, latents: Tensor) -> Tensor:
        return self.codec.decode(latents) + self.unseen
