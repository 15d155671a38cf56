"""The smallest parts of DiffBIR, under names of their own in the tests' store."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.patchgan import PatchGAN
from restauro.networks.swinir import SwinIR
from restauro.networks.text_tower import TextTower
from restauro.networks.unet import UNet
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

LATENTS: dict[str, Any] = {
    "latent": 4,
    "width": 8,
    "channel_mult": [1, 2],
    "num_res_blocks": 1,
    "scale": None,
    "attention": False,
    "space_to_depth": 2,
}
UNET: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 8,
    "channel_mult": [1, 2],
    "num_res_blocks": 1,
    "attention": [2],
    "num_head_channels": 8,
}
SWINIR: dict[str, Any] = {"width": 12, "depths": [2], "heads": 2, "window": 2, "unshuffle": 4, "features": 4}
TEXT: dict[str, Any] = {"width": 8, "blocks": 1, "heads": 1}
V: dict[str, Any] = {"prediction": "v", "schedule": "sd-zero-snr", "steps": 1000, "clip": False, "size": 32}


@torch.no_grad()
def awake(network: nn.Module, seed: int = 0) -> nn.Module:
    """With numbers where weights begin as zero."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.add_((parameter == 0) * 0.05 * torch.randn(parameter.shape, generator=generator))
    return network


def keep(name: str, network: nn.Module, **facts: Any) -> None:
    save(awake(network).state_dict(), Passport(**{"name": name, "what": "-", **facts}), imported_folder())


def store_all() -> None:
    """Two of each kind where a test exchanges them; other latents have the same channels."""
    torch.manual_seed(0)
    for number in ("", "-2"):
        about = {"kind": "latent-autoencoder", "architecture": "autoencoder-kl"}
        keep(f"mini-latents{number}", AutoencoderKL(**LATENTS), arguments=LATENTS, **about)
        needs = {"autoencoder": "mini-latents"}
        keep(f"mini-prior{number}", UNet(**UNET), kind="latent-prior", architecture="unet", arguments=UNET, needs=needs, **V)
        about = {"kind": "restorer", "architecture": "swinir"}
        keep(f"mini-restorer{number}", SwinIR(**SWINIR), arguments=SWINIR, range=(0.0, 1.0), **about)
        keep(f"mini-text{number}", TextTower(**TEXT), kind="text-tower", architecture="text-tower", arguments=TEXT)
        shape = {"in_channels": 3, "width": 4, "layers": 2, "norm": "none"}
        keep(f"mini-critic{number}", PatchGAN(**shape), kind="critic", architecture="patchgan", arguments=shape)  # type: ignore[arg-type]
    told = {**UNET, "context": 8}
    keep("mini-prompted", UNet(**told), kind="latent-prior", architecture="unet", arguments=told, needs=needs, **V)
    keep("mini-stray", UNet(**UNET), kind="latent-prior", architecture="unet", arguments=UNET, **V)
