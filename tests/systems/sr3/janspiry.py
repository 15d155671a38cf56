"""A small checkpoint as Janspiry's repository saves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from restauro.diffusion.betas import betas_of
from restauro.networks.sr3 import Sr3UNet
from restauro.weights.declared import Declared
from restauro.weights.importing import import_file

SMALL: dict[str, Any] = {"inner_channels": 16, "channel_mult": [1, 2], "res_blocks": 1, "groups": 16, "attention": [2]}


def checkpoint(told: str = "level", betas: Tensor | None = None, channels: int = 6) -> dict[str, Tensor]:
    """Of random weights; `betas` as in the published configuration by default."""
    torch.manual_seed(3)
    network = Sr3UNet(channels, **SMALL, told=told)  # type: ignore[arg-type]
    betas = torch.from_numpy(betas_of("sr3-linear", 2000)).float() if betas is None else betas
    buffers = {"betas": betas, "alphas_cumprod": (1 - betas).cumprod(0), "posterior_mean_coef1": torch.zeros_like(betas)}
    return buffers | {f"denoise_fn.{key}": value for key, value in network.state_dict().items()}


def imported(folder: Path, name: str, size: int | None = None, clip: Literal["yes", "no"] | None = None, **kind: Any) -> str:
    """The checkpoint in the store, under this name; size: of what it draws, without a condition."""
    path = folder / "I640000_E37_gen.pth"
    torch.save(checkpoint(**kind), path)
    return import_file(path, name, tell=lambda note: None, declared=Declared(groups=16, size=size, clip=clip)).name
