"""A classifier of noisy pictures: the encoder half of a U-Net, averaged (Dhariwal and Nichol 2021, section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from restauro.networks.blocks import Norm
from restauro.networks.unet import UNet


class NoisyClassifier(UNet):
    """(N, in_channels, H, W) at timesteps (N,) to (N, labels) logits. The other arguments are a `UNet`'s."""

    def __init__(self, labels: int, model_channels: int, channel_mult: Sequence[float], groups: int = 32, **arguments: Any):
        super().__init__(out_channels=1, model_channels=model_channels, channel_mult=channel_mult, groups=groups, **arguments)
        del self.output_blocks
        width = round(channel_mult[-1] * model_channels)
        pool = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.out = nn.Sequential(Norm(width, groups), nn.SiLU(), *pool, nn.Linear(width, labels))

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:  # type: ignore[override]
        logits: Tensor = self.out(self._encode(x, self._embed(timesteps, None, None))[0])
        return logits
