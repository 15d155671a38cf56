"""DiffBIR's networks, tiny and with random weights, in the test home's store: a face prior at 128 px and one of anything."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.ircontrolnet import IRControlNet
from restauro.networks.unet import UNet
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

AUTOENCODER: dict[str, Any] = {"latent": 3, "width": 8, "channel_mult": [1, 1, 1], "num_res_blocks": 1, "groups": 4, "scale": 1.0}
UNET: dict[str, Any] = {"model_channels": 16, "channel_mult": [1, 1], "num_res_blocks": 1, "groups": 4, "zero_init": False}
PRIOR = {**UNET, "in_channels": 3, "out_channels": 3}
CONTROL = {**UNET, "in_channels": 3, "hint_channels": 3}
RESTORER: dict[str, Any] = {**UNET, "in_channels": 4, "out_channels": 4, "time_embedding": False, "space_to_depth": 2}
NAMES = {"prior": "tiny-latent-prior", "control": "tiny-control", "autoencoder": "tiny-autoencoder", "restorer": "tiny-cleaner"}


def put(name: str, kind: str, architecture: str, network: nn.Module, arguments: dict[str, Any], **facts: Any) -> None:
    passport = Passport(name=name, what="a test", kind=kind, architecture=architecture, arguments=arguments, **facts)
    save(network.state_dict(), passport, imported_folder(), half=False)


def stock(**facts: Any) -> None:
    """Under `NAMES`; with faces aligned as for our own prior unless the facts say otherwise."""
    torch.manual_seed(3)
    about = {"prediction": "v", "schedule": "sd-zero-snr", "steps": 1000, "size": 128, "face_template": "restauro128"} | facts
    autoencoder, prior, control = AutoencoderKL(**AUTOENCODER), UNet(**PRIOR), IRControlNet(**CONTROL)
    prior.out[-1].weight.data *= 0.3
    control.begin(prior)
    for conv in (*control.zero_convs, control.middle_block_out):
        nn.init.normal_(conv[0].weight, std=0.1)  # type: ignore[index, arg-type]
    cleaner = UNet(**RESTORER)
    cleaner.out[-1].weight.data *= 0.3
    put(NAMES["autoencoder"], "latent-autoencoder", "autoencoder-kl", autoencoder, AUTOENCODER)
    put(NAMES["prior"], "latent-prior", "unet", prior, PRIOR, clip=False, **about)
    put(NAMES["control"], "latent-control", "ircontrolnet", control, CONTROL, **about)
    put(NAMES["restorer"], "restorer", "unet", cleaner, RESTORER, prediction="gated")
