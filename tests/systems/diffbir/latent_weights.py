"""DiffBIR's networks, tiny and with random weights, in the test home's store."""

from __future__ import annotations

from typing import Any

import msgspec
import torch
from torch import nn

from restauro.core.recipe import Latent, Recipe
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.ircontrolnet import IRControlNet
from restauro.networks.text_tower import TextTower
from restauro.networks.unet import UNet
from restauro.systems.diffbir.recipe import RESTORING, TASKS_WITH, WHOLE
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

AUTOENCODER: dict[str, Any] = {"latent": 3, "width": 8, "channel_mult": [1, 1, 1], "num_res_blocks": 1, "groups": 4, "scale": 1.0}
UNET: dict[str, Any] = {"model_channels": 16, "channel_mult": [1, 1], "num_res_blocks": 1, "groups": 4, "zero_init": False}
RESTORER: dict[str, Any] = {**UNET, "in_channels": 4, "out_channels": 4, "time_embedding": False, "space_to_depth": 2}


def put(name: str, kind: str, architecture: str, network: nn.Module, arguments: dict[str, Any], **facts: Any) -> None:
    passport = Passport(name=name, what="a test", kind=kind, architecture=architecture, arguments=arguments, **facts)
    save(network.state_dict(), passport, imported_folder(), half=False)


def stock(prefix: str = "tiny", *, context: int = 0, **facts: Any) -> dict[str, str]:
    """The answer: the fields of a recipe, and of `Latent`, that name them. context: the prior knows prompts.

    A prior of faces at 32 px unless the facts of its passport say otherwise.
    """
    torch.manual_seed(3)
    about = {"prediction": "v", "schedule": "sd-zero-snr", "steps": 1000, "size": 32, "face_template": "restauro128"} | facts
    unet = {**UNET, "context": context, "attention": [2] if context else []}
    arguments = {
        "prior": {**unet, "in_channels": 3, "out_channels": 3},
        "control": {**unet, "in_channels": 3, "hint_channels": 3},
    }
    autoencoder, prior, control = AutoencoderKL(**AUTOENCODER), UNet(**arguments["prior"]), IRControlNet(**arguments["control"])
    prior.out[-1].weight.data *= 0.3  # type: ignore[union-attr, operator]
    control.begin(prior)
    nn.init.normal_(control.input_blocks[0][0].weight[:, 3:], std=0.2)  # type: ignore[index]  # it sees the condition
    for conv in (*control.zero_convs, control.middle_block_out):
        nn.init.normal_(conv[0].weight, std=0.1)  # type: ignore[index]
    names = {part: f"{prefix}-{part}" for part in ("prior", "control", "autoencoder", "restorer")}
    put(names["autoencoder"], "latent-autoencoder", "autoencoder-kl", autoencoder, AUTOENCODER)
    put(names["prior"], "latent-prior", "unet", prior, arguments["prior"], clip=False, **about)
    put(names["control"], "latent-control", "ircontrolnet", control, arguments["control"], **about)
    put(names["restorer"], "restorer", "unet", calm(), RESTORER, prediction="gated")
    if context:
        put(f"{prefix}-text", "text-tower", "text-tower", TextTower(**TOWER), TOWER)
        names["text"] = f"{prefix}-text"
    return names


TOWER: dict[str, Any] = {"width": 16, "blocks": 1, "heads": 2, "length": 12}


def calm() -> UNet:
    cleaner = UNet(**RESTORER)
    cleaner.out[-1].weight.data *= 0.3  # type: ignore[union-attr, operator]
    return cleaner


def ours(names: dict[str, str], task: str = "restore", **changes: Any) -> Recipe:
    """The recipe on these networks, in few steps; restoring, as for a strong prior, from all the noise there is. changes: of the
    recipe or of its `Latent`."""
    base = TASKS_WITH[task]
    told = {name: changes.pop(name) for name in Latent.__struct_fields__ if name in changes}
    beside = {name: names[name] for name in ("control", "autoencoder", "text") if name in names}
    latent = msgspec.structs.replace(base.latent, **(beside | told))  # type: ignore[arg-type]
    strong = {"start": WHOLE, "sampler": "unipc"} if task in RESTORING else {}
    about = strong | {"prior": names["prior"], "restorer": names["restorer"], "steps": 3, "latent": latent} | changes
    return msgspec.structs.replace(base, **about)
