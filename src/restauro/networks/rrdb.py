"""RRDB networks: ESRGAN's generator (Wang et al. 2018, arXiv 1809.00219) in the Real-ESRGAN/BasicSR key layout.

Also the time-conditioned restorer that PGDiff published, which wraps one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.blocks import timestep_embedding

DAMPING = 0.2  # of every residual, at both levels


class DenseBlock(nn.Module):
    """Five convolutions, each seeing all that came before it."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.conv4 = (
            nn.Conv2d(channels + i * growth, growth, 3, padding=1) for i in range(4)
        )
        self.conv5 = nn.Conv2d(channels + 4 * growth, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, F.leaky_relu(conv(seen), 0.2)], 1)
        return x + DAMPING * self.conv5(seen)


class RRDB(nn.Module):
    """Residual in residual: three dense blocks."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(channels, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + DAMPING * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """(N, in_channels, H, W) to (N, out_channels, scale H, scale W), scale 1, 2 or 4.

    The body works at a quarter of the output's size: scales 1 and 2 put blocks of 4 x 4 or 2 x 2 pixels into channels
    first, so H and W are multiples of `self.multiple` (4, 2, 1).
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        mid_channels: int = 64,
        num_blocks: int = 23,
        growth_channels: int = 32,
        scale: int = 4,
    ):
        super().__init__()
        if scale not in (1, 2, 4):
            raise ValueError(f"scale {scale} does not exist; there are 1, 2 and 4")
        self.scale, self.multiple = scale, 4 // scale
        self.conv_first = nn.Conv2d(in_channels * self.multiple**2, mid_channels, 3, padding=1)
        self.body = nn.Sequential(*(RRDB(mid_channels, growth_channels) for _ in range(num_blocks)))
        self.conv_body = nn.Conv2d(mid_channels, mid_channels, 3, padding=1)
        self.conv_up1 = nn.Conv2d(mid_channels, mid_channels, 3, padding=1)
        self.conv_up2 = nn.Conv2d(mid_channels, mid_channels, 3, padding=1)
        self.conv_hr = nn.Conv2d(mid_channels, mid_channels, 3, padding=1)
        self.conv_last = nn.Conv2d(mid_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_first(F.pixel_unshuffle(x, self.multiple) if self.multiple > 1 else x)
        h = h + self.conv_body(self.body(h))
        for conv in (self.conv_up1, self.conv_up2):
            h = F.leaky_relu(conv(F.interpolate(h, scale_factor=2, mode="nearest")), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(h), 0.2))


class TimedRestorer(nn.Module):
    """PGDiff's restorer f(x_t, y, t): the time becomes `time_channels` constant planes beside both pictures.

    x, picture: (N, 3, H, W), H and W multiples of 4. timesteps: (N,) on the prior's original scale, 0..999.
    """

    scale, multiple = 1, 4
    sinusoids = 100

    def __init__(self, mid_channels: int = 64, num_blocks: int = 23, growth_channels: int = 32, time_channels: int = 3):
        super().__init__()
        self.generator = RRDBNet(6 + time_channels, 3, mid_channels, num_blocks, growth_channels, scale=1)
        self.time_embed = nn.Sequential(
            nn.Linear(self.sinusoids, time_channels), nn.SiLU(), nn.Linear(time_channels, time_channels)
        )

    def embed(self, timesteps: Tensor) -> Tensor:
        """(N, time_channels)."""
        return self.time_embed(timestep_embedding(timesteps, self.sinusoids).to(self.generator.conv_first.weight.dtype))

    def forward(self, x: Tensor, picture: Tensor, timesteps: Tensor) -> Tensor:
        planes = self.embed(timesteps)[:, :, None, None].expand(-1, -1, *x.shape[-2:])
        return self.generator(torch.cat([x, picture, planes], 1))


def rrdb_arguments(state_dict: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
    """The constructor arguments of `RRDBNet` that made this state dict, pictures of `out_channels` channels assumed.

    `KeyError` if this is none; `ValueError` if its first convolution fits no scale.
    """
    first = tuple(state_dict[f"{prefix}conv_first.weight"].shape)
    out = state_dict[f"{prefix}conv_last.weight"].shape[0]
    scale = {out: 4, 4 * out: 2, 16 * out: 1}.get(first[1])
    if scale is None:
        raise ValueError(f"a first convolution of {first[1]} channels fits no scale of a picture of {out} channels")
    return {"in_channels": out, "out_channels": out, "scale": scale, **_body(state_dict, prefix)}


OLD = {"RRDB_trunk": "body", "trunk_conv": "conv_body", "upconv1": "conv_up1", "upconv2": "conv_up2", "HRconv": "conv_hr"}
OLD |= {f"RDB{i}": f"rdb{i}" for i in (1, 2, 3)}


def from_old_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of `RRDBNet` from one in ESRGAN's first key layout, which BSRGAN kept."""
    return {".".join(OLD.get(part, part) for part in key.split(".")): value for key, value in state_dict.items()}


def timed_restorer_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `TimedRestorer` that made this state dict. `KeyError` if this is none."""
    return {"time_channels": state_dict["time_embed.2.weight"].shape[0], **_body(state_dict, "generator.")}


def _body(state_dict: Mapping[str, Tensor], prefix: str) -> dict[str, int]:
    growth, mid = state_dict[f"{prefix}body.0.rdb1.conv1.weight"].shape[:2]
    blocks = {match[1] for key in state_dict if (match := re.match(re.escape(prefix) + r"body\.(\d+)\.rdb1\.", key))}
    return {"mid_channels": mid, "num_blocks": len(blocks), "growth_channels": growth}
