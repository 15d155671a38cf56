"""Checkpoints of pix2pix's and CycleGAN's PyTorch program, `latest_net_G.pth`, `latest_net_D.pth`: the architecture is not in the
file, so it is read off the names and shapes.

What they do not tell is as by default there: instance norm where there is no batch norm, whose statistics are those of the
picture (the published networks were trained, and are used, on one picture at a time). Files from before 2018 lack a batch norm's
count and carry statistics of instance norms, which nothing reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from restauro.networks.norms import Norm
from restauro.weights.passports import Passport
from restauro.weights.recognise import Layout

LICENCE = "the program is BSD 2-clause; its published checkpoints follow the terms of the pictures they were trained on"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def unet(tensors: Mapping[str, Tensor]) -> Passport:
    """U-Net, or the encoder-decoder: its depth is the number of its encoder's convolutions."""
    first, last = tensors["model.model.0.weight"], tensors["model.model.3.weight"]
    width, kind = int(first.shape[0]), norm_of(tensors)
    downs = 1 + sum(re.fullmatch(r"model\.model\.1\.model(\.3\.model)*\.1\.weight", key) is not None for key in tensors)
    resize = last.shape[-1] == 3
    arguments = {
        "in_channels": int(first.shape[1]),
        "out_channels": int(last.shape[0 if resize else 1]),
        "width": width,
        "downs": downs,
        "norm": kind,
        "skips": int(last.shape[1 if resize else 0]) == 2 * width,
        **_unseen(kind, resize),
    }
    what = f"a U-Net of {downs} levels" if arguments["skips"] else f"an encoder-decoder of {downs} levels"
    return _generator(f"pix2pix-unet{2**downs}", what, "skip-unet", arguments)


def resnet(tensors: Mapping[str, Tensor]) -> Passport | None:
    """Residual blocks; with dropout their second convolution stands one place later."""
    first = tensors["model.1.weight"]
    if first.shape[2:] != (7, 7):
        return None
    kind, width = norm_of(tensors), int(first.shape[0])
    blocks = sum(re.fullmatch(r"model\.\d+\.conv_block\.1\.weight", key) is not None for key in tensors)
    second = tensors.get("model.10.conv_block.6.weight")
    arguments = {
        "in_channels": int(first.shape[1]),
        "out_channels": int(tensors[f"model.{17 + blocks}.weight"].shape[0]),
        "width": width,
        "blocks": blocks,
        "norm": kind,
        "dropout": second is not None and second.ndim == 4,
        **_unseen(kind, int(tensors[f"model.{10 + blocks}.weight"].shape[0]) != 4 * width),
    }
    return _generator(f"pix2pix-resnet{blocks}", f"{blocks} residual blocks", "resnet-generator", arguments)


def patchgan(tensors: Mapping[str, Tensor]) -> Passport | None:
    """A discriminator of patches; without norms, its convolutions stand closer together."""
    convolutions = sorted(int(key.split(".")[1]) for key, value in tensors.items() if value.ndim == 4)
    first, last = (tensors[f"model.{convolutions[i]}.weight"] for i in (0, -1))
    layers = len(convolutions) - 2
    if layers < 1 or first.shape[2:] != (4, 4) or last.shape[0] != 1:
        return None
    arguments = {"in_channels": int(first.shape[1]), "width": int(first.shape[0]), "layers": layers}
    kind = "none" if convolutions[2] == 4 else norm_of(tensors)
    return _discriminator(f"pix2pix-patchgan{layers}", "patchgan", arguments | {"norm": kind})


def pixelgan(tensors: Mapping[str, Tensor]) -> Passport | None:
    """The discriminator of pixels."""
    first = tensors["net.0.weight"]
    if first.shape[2:] != (1, 1):
        return None
    arguments = {"in_channels": int(first.shape[1]), "width": int(first.shape[0]), "norm": norm_of(tensors)}
    return _discriminator("pix2pix-pixelgan", "pixelgan", arguments)


def norm_of(tensors: Mapping[str, Tensor]) -> Norm:
    """Batch norm learns weights beside its statistics; instance norm leaves no trace, in old files statistics alone."""
    return "batch" if any(key.replace("running_mean", "weight") in tensors for key in _means(tensors)) else "instance"


def current(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as today's torch would write them: no statistics of instance norms, counts of batch norms."""
    found = dict(tensors)
    for mean in _means(tensors):
        place = mean.removesuffix("running_mean")
        if f"{place}weight" in tensors:
            found.setdefault(f"{place}num_batches_tracked", torch.zeros((), dtype=torch.long, device=tensors[mean].device))
        else:
            for name in STATISTICS:
                found.pop(place + name, None)
    return found


def _means(tensors: Mapping[str, Tensor]) -> list[str]:
    return [key for key in tensors if key.endswith(".running_mean")]


def _unseen(kind: Norm, resize: bool) -> dict[str, Any]:
    return {"up": "resize" if resize else "transposed", "statistics": "picture" if kind == "batch" else "training"}


def _generator(name: str, what: str, architecture: str, arguments: dict[str, Any]) -> Passport:
    channels = f"{arguments['in_channels']} to {arguments['out_channels']} channels"
    return Passport(
        name=name,
        what=f"a generator of pix2pix's program: {what}, {arguments['norm']} norm, from {channels}",
        kind="translator",
        architecture=architecture,
        arguments=arguments,
        prediction="clean",
        licence=LICENCE,
    )


def _discriminator(name: str, architecture: str, arguments: dict[str, Any]) -> Passport:
    return Passport(
        name=name,
        what=f"a discriminator of pix2pix's program, of {arguments['in_channels']} channels: the other side of its training",
        kind="discriminator",
        architecture=architecture,
        arguments=arguments,
        licence=LICENCE,
    )


BLOCK = "model.10.conv_block.1.weight"
LAYOUTS = (
    Layout(
        "a U-Net of pix2pix's program",
        ("model.model.0.weight", "model.model.1.model.1.weight", "model.model.3.weight", "model.model.3.bias"),
        unet,
        network=current,
    ),
    Layout(
        "a generator of residual blocks of pix2pix's program",
        ("model.1.weight", "model.4.weight", "model.7.weight", BLOCK),
        resnet,
        network=current,
    ),
    Layout(
        "a discriminator of pix2pix's program", ("model.0.weight", "model.0.bias", "model.2.weight"), patchgan, network=current
    ),
    Layout(
        "a discriminator of pixels of pix2pix's program",
        ("net.0.weight", "net.2.weight", "net.5.weight"),
        pixelgan,
        network=current,
    ),
)
