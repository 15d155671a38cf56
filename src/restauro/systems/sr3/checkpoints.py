"""Checkpoints of Janspiry's SR3 repository, `I{iteration}_E{epoch}_gen.pth`: a diffusion object's buffers and `denoise_fn.*`.

Of the buffers only the betas are read: they are the schedule the network was trained with, whatever a configuration says.
Its other file, `.._opt.pth`, holds no weights. There are none with averaged weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from restauro.diffusion.betas import KINDS, betas_of
from restauro.networks.sr3 import sr3_arguments
from restauro.weights.passports import Passport
from restauro.weights.recognise import Layout

WITHIN = "denoise_fn."
RULES = ("sr3-linear", "ho-linear", "ho-quad", "ho-warmup10", "ho-warmup50", "ho-const", "ho-jsd", "cosine")
LICENCE = "the repository is Apache-2.0; its checkpoints carry no statement of their own. Trained on {}"
FACES = "FFHQ (Flickr faces; CC BY-NC-SA 4.0)"


@dataclass(frozen=True)
class Known:
    """A published configuration. shape: what is read off its tensors; size and groups: what they do not tell."""

    name: str
    what: str
    shape: Mapping[str, Any]
    size: int
    groups: int = 32


LARGE = {"inner_channels": 64, "channel_mult": [1, 2, 4, 8, 8], "res_blocks": 2, "attention": [8], "told": "level"}
KNOWN = (
    Known("sr3-16-128", "enlarges aligned faces from 16 to 128 pixels", {"in_channels": 6, **LARGE}, 128),
    Known("sr3-face128", "draws aligned faces of 128 pixels", {"in_channels": 3, **LARGE}, 128),
    Known(
        "sr3-64-512",
        "enlarges aligned faces from 64 to 512 pixels",
        {"in_channels": 6, "inner_channels": 64, "channel_mult": [1, 2, 4, 8, 16], "res_blocks": 1, "attention": []}
        | {"told": "level"},
        512,
        16,
    ),
    Known(
        "sr3-ddpm-16-128",
        "enlarges aligned faces from 16 to 128 pixels, told the timestep",
        {"in_channels": 6, "inner_channels": 64, "channel_mult": [1, 1, 2, 2, 4, 4], "res_blocks": 2, "attention": [8]}
        | {"told": "timesteps"},
        128,
    ),
)


def passport(tensors: Mapping[str, Tensor]) -> Passport:
    """What the tensors do not tell is as in the published configurations: noise predicted, the small variance with the floored
    logarithm, the clean estimate clipped, level = sqrt(gamma)."""
    arguments = sr3_arguments(network(tensors))
    told = "level" if arguments["told"] == "level" else ""
    enlarges = arguments["in_channels"] > arguments["out_channels"]
    schedule, steps, ends = trained_with(tensors.get("betas"), "sr3-linear" if told else "ho-linear")
    facts: dict[str, Any] = {"prediction": "eps", "variance": "fixed_small_clipped", "told": told}
    facts |= {"schedule": schedule, "steps": steps, "ends": ends, "kind": "super-resolver" if enlarges else "prior"}
    for known in KNOWN:
        if all(arguments[name] == value for name, value in known.shape.items()):
            return Passport(
                name=known.name,
                what=f"Janspiry's SR3: {known.what}",
                architecture="sr3-unet",
                arguments=arguments | {"groups": known.groups},
                size=known.size,
                training_data=FACES,
                licence=LICENCE.format(FACES),
                **facts,
            )
    millions = sum(tensor.numel() for tensor in tensors.values()) / 1e6
    does = "enlarges the picture it is shown" if enlarges else "draws pictures: say --size"
    return Passport(
        name=f"sr3-{max(millions, 1):.0f}m",
        what=f"A network of Janspiry's SR3 that {does}; 32 groups and sqrt(gamma) as its level are assumed",
        architecture="sr3-unet",
        arguments=arguments,
        licence=LICENCE.format("pictures that only its owner knows"),
        **facts,
    )


def network(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`denoise_fn.*`, by the network's own names."""
    return {key.removeprefix(WITHIN): value for key, value in tensors.items() if key.startswith(WITHIN)}


def trained_with(betas: Tensor | None, usual: str) -> tuple[str, int, list[float]]:
    """The schedule that has these betas (T,), its length, and its ends where they are not the customary ones; the usual schedule
    where there are no values to look at.

    `ValueError` where none of the repository's rules makes them.
    """
    if betas is None or betas.is_meta:
        return usual, 2000 if betas is None else len(betas), []
    values = betas.double().cpu().numpy()
    ends = [float(f"{values[place]:.6g}") for place in (0, -1)]
    if not ((values > 0) & (values <= 1)).all():
        raise ValueError("its betas leave (0, 1]")
    usually: list[tuple[str, list[float]]] = [(name, []) for name in RULES]
    for name, other in [*usually, *((name, ends) for name in RULES[1:] if KINDS[name].start is not None)]:
        if np.allclose(betas_of(name, len(values), *other), values, rtol=1e-4, atol=1e-12):
            return name, len(values), other
    raise ValueError("its betas follow none of the repository's schedules")


TELLING = ("downs.0.weight", "mid.0.attn.qkv.weight", "final_conv.block.3.weight")
LAYOUTS = tuple(
    Layout(
        f"a network of Janspiry's SR3 that is told the {told}",
        tuple(WITHIN + name for name in (first, *TELLING)),
        passport,
        take=(WITHIN, "betas"),
        network=network,
    )
    for told, first in (("level of the noise", "noise_level_mlp.1.weight"), ("timestep", "time_mlp.1.weight"))
)
