"""A prior in diffusers' layout, for `diffusers.DDPMPipeline.from_pretrained`; and a network of diffusers as a prior."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restauro.core.errors import OutputError, WeightsError
from restauro.core.files import write_atomically
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.networks.unet import UNet
from restauro.systems._prior import denoiser_of
from restauro.systems.ddpm.configs import Config, network_config, scheduler_config
from restauro.systems.ddpm.keys import to_diffusers
from restauro.weights.build import network_from
from restauro.weights.folders import FILES
from restauro.weights.passports import Passport
from restauro.weights.recognise import recognise
from restauro.weights.store import find, load

INDEX = {
    "_class_name": "DDPMPipeline",
    "scheduler": ["diffusers", "DDPMScheduler"],
    "unet": ["diffusers", "UNet2DModel"],
}
PLAIN: Mapping[str, tuple[Any, str]] = {
    "space_to_depth": (1, "blocks of pixels as channels"),
    "conditions": (0, "told conditions"),
    "num_classes": (None, "told classes"),
    "conv_resample": (True, "averages instead of strided convolutions"),
    "skip_scale": (1.0, "scaled skips"),
    "norm": ("group", "norms of each place"),
    "time_scale": (1.0, "scaled times"),
    "time_embedding": (True, "no time"),
}
"""Arguments of our U-Net that diffusers' has no setting for: what they must be, and what else they mean."""


def export_diffusers(name: str, folder: str | Path) -> Passport:
    """Write a prior of the store into a folder that `diffusers.DDPMPipeline.from_pretrained` reads.

    Tensors are in float32. Raises WeightsError for a network that diffusers' UNet2DModel cannot be, OutputError for a folder
    that is not empty.
    """
    from safetensors.torch import save

    folder, (passport, _) = Path(folder), find(name)
    network, tensors = diffusers_parts(passport, load(name).state_dict())
    scheduler = scheduler_config(passport)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise OutputError(f"{folder}: is not empty; name another folder with -o")
        for part in ("unet", "scheduler"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder: {error.strerror}") from None
    write_atomically(folder / "unet" / FILES[0], save(tensors, {"format": "pt"}))
    files = {"unet/config.json": network, "scheduler/scheduler_config.json": scheduler, "model_index.json": INDEX}
    for place, settings in files.items():
        write_atomically(folder / place, json.dumps(settings, indent=2).encode() + b"\n")
    return passport


def diffusers_parts(passport: Passport, state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config and the tensors of diffusers' UNet2DModel; WeightsError where it cannot be that network."""
    if (passport.kind, passport.architecture) != ("prior", "unet"):
        raise WeightsError(f"{passport.name}: diffusers' layout is for priors of one U-Net; this is: {passport.what}")
    own: Mapping[str, Any] = {
        name: parameter.default for name, parameter in inspect.signature(UNet.__init__).parameters.items()
    } | passport.arguments
    if lacking := _beyond_diffusers(passport, own):
        raise WeightsError(f"{passport.name}: diffusers' layout cannot hold {lacking}; ONNX can (--to onnx)")
    counts, levels = _counts(own), range(len(own["channel_mult"]))
    widths = [round(mult * own["model_channels"]) for mult in own["channel_mult"]]
    attended = [level for level in levels if 2**level in own["attention"]]
    heads = {width: _heads(own, width) for width in widths}
    config = network_config({**own, "num_res_blocks": counts[0]}, passport.size, _head_width(own, widths, attended))
    tensors = to_diffusers(state_dict, counts, attended, {} if own["new_attention_order"] else heads)
    return config, {key: value.contiguous() for key, value in tensors.items()}


def _beyond_diffusers(passport: Passport, own: Mapping[str, Any]) -> str:
    """What about a prior diffusers has no setting for; empty if it has all."""
    for argument, (value, otherwise) in PLAIN.items():
        if own[argument] != value:
            return f"a network with {otherwise}"
    widths = [round(mult * own["model_channels"]) for mult in own["channel_mult"]]
    attended = [level for level in range(len(widths)) if 2**level in own["attention"]]
    cases = {
        "a network that is told the level": bool(passport.told),
        "a network that sees the damaged picture": passport.observes,
        "rescaled timesteps": passport.rescaled and passport.steps != 1000,
        "levels of unlike depth": len(set(_counts(own))) > 1,
        "a first level of another width than the embedding": widths[0] != own["model_channels"],
        f"norms of fewer than {own['groups']} groups": any(width % own["groups"] for width in widths),
        "heads of several widths": _head_width(own, widths, attended) == 0,
        "a decoder with other heads": own["num_heads_upsample"] not in (None, own["num_heads"]) and not own["num_head_channels"],
    }
    return next((what for what, true in cases.items() if true), "")


def _counts(own: Mapping[str, Any]) -> list[int]:
    blocks = own["num_res_blocks"]
    return [blocks] * len(own["channel_mult"]) if isinstance(blocks, int) else list(blocks)


def _heads(own: Mapping[str, Any], width: int) -> int:
    return width // own["num_head_channels"] if own["num_head_channels"] else int(own["num_heads"])


def _head_width(own: Mapping[str, Any], widths: list[int], attended: list[int]) -> int | None:
    """The one width of all heads; None: one head everywhere; 0: they differ."""
    if not own["num_head_channels"] and own["num_heads"] == 1:
        return None
    found = {widths[level] // _heads(own, widths[level]) for level in [*attended, len(widths) - 1]}
    return found.pop() if len(found) == 1 else 0


def diffusers_prior(
    state_dict: Mapping[str, Tensor], config: Config, scheduler: Config | None = None, device: torch.device | str = "cpu"
) -> NetworkDenoiser:
    """A `diffusers.UNet2DModel` in memory as a prior: its `state_dict()` and its `config`.

    scheduler: the config of the scheduler it was trained with; absent, Ho et al.'s 1000 linear steps that predict the noise.
    WeightsError for a network, or a training, that ours cannot follow.

    >>> diffusers_prior(model.state_dict(), model.config, pipeline.scheduler.config)  # doctest: +SKIP
    """
    said = {"config.json": config} | ({} if scheduler is None else {"scheduler_config.json": scheduler})
    passport, tensors = recognise(state_dict, said=said)
    network = network_from(passport, tensors, Path(passport.name), torch.device(device))
    return denoiser_of(passport, network, torch.device(device))
