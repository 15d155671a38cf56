"""From a passport to a network: the table of architectures, and the check that weights fit."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.core.knobs import suggest
from restauro.weights.foreign import ARCHITECTURE, foreign_network
from restauro.weights.passports import Passport

BUILDERS = {
    "unet": "restauro.networks.unet:UNet",
    "unet-diffusers": "restauro.networks.by_diffusers:DiffusersUNet",
    "unet-superres": "restauro.networks.unet:SuperResUNet",
    "unet-classifier": "restauro.networks.classifier:NoisyClassifier",
    "residual-denoiser": "restauro.networks.residual_denoiser:ResidualDenoiser",
    "sr3-unet": "restauro.networks.sr3:Sr3UNet",
    "rrdb": "restauro.networks.rrdb:RRDBNet",
    "rrdb-timed": "restauro.networks.rrdb:TimedRestorer",
    "iresnet": "restauro.networks.iresnet:IResNet",
    "patchgan": "restauro.networks.patchgan:PatchGAN",
    "pixelgan": "restauro.networks.pixelgan:PixelGAN",
    "skip-unet": "restauro.networks.skip_unet:SkipUNet",
    "resnet-generator": "restauro.networks.resnet_generator:ResnetGenerator",
    "vgg": "restauro.networks.vgg:VGG",
    "photo-vae": "restauro.networks.photo_vae:PhotoVAE",
    "latent-mapping": "restauro.networks.latent_mapping:LatentMapping",
    "scratch-mapping": "restauro.networks.latent_mapping:ScratchMapping",
    "patch-mapping": "restauro.networks.latent_mapping:HighResMapping",
    "scratch-detector": "restauro.networks.scratch_detector:ScratchDetector",
    "spade": "restauro.networks.spade:SpadeGenerator",
    "colorizer": "restauro.networks.colorizer:Colorizer",
    "autoencoder-kl": "restauro.networks.autoencoder_kl:AutoencoderKL",
    "ircontrolnet": "restauro.networks.ircontrolnet:IRControlNet",
    "text-tower": "restauro.networks.text_tower:TextTower",
    "swinir": "restauro.networks.swinir:SwinIR",
    "scunet": "restauro.networks.scunet:SCUNet",
}
"""Architecture in a passport -> module:class, imported when asked for."""


def build(passport: Passport) -> nn.Module:
    """The network a passport describes, with fresh weights, on torch's current device."""
    if passport.architecture not in BUILDERS:
        known = suggest(passport.architecture, BUILDERS)
        raise WeightsError(f"{passport.name}: restauro cannot build the architecture {passport.architecture!r}{known}")
    module, _, name = BUILDERS[passport.architecture].partition(":")
    try:
        return getattr(importlib.import_module(module), name)(**passport.arguments)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise WeightsError(f"{passport.name}: {passport.architecture} with these arguments is impossible: {error}") from None


def skeleton(passport: Passport) -> nn.Module:
    """The network without memory for its weights: on the meta device, where building takes no time."""
    with torch.device("meta"):
        return build(passport)


def misfits(network: nn.Module, state_dict: Mapping[str, Tensor]) -> str:
    """Empty if the state dict has exactly the network's tensors; else one line about what is wrong, without a full stop."""
    wanted, given = network.state_dict(), state_dict
    missing = [key for key in wanted if key not in given]
    extra = [key for key in given if key not in wanted]
    shapes = [key for key in wanted if key in given and wanted[key].shape != given[key].shape]
    problems = []
    for keys, problem in ((missing, "missing"), (extra, "not part of it"), (shapes, "of another shape")):
        if keys:
            problems.append(
                f"{len(keys)} of {len(wanted)} tensors {problem} ({', '.join(keys[:2])}{', ...' if len(keys) > 2 else ''})"
            )
    return "; ".join(problems)


def network_from(passport: Passport, state_dict: Mapping[str, Tensor], path: Path, device: torch.device) -> nn.Module:
    """The network with these weights in float32: eval mode, channels-last, no gradients for its parameters."""
    if passport.architecture == ARCHITECTURE:
        return foreign_network(state_dict, device)
    network = skeleton(passport)
    if problem := misfits(network, state_dict):
        raise WeightsError(f"{path} does not fit its passport: {problem}")
    if {name for name, _ in network.named_buffers()} - network.state_dict().keys():
        network = build(passport)  # it keeps tensors that no file holds, so they must be computed
    # each at once as it will lie, or the network would be there twice for a while
    tensors = {key: _placed(value, device) for key, value in state_dict.items()}
    network.load_state_dict(tensors, assign=True)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _placed(value: Tensor, device: torch.device) -> Tensor:
    kind = torch.float32 if value.is_floating_point() else value.dtype
    return value.to(device, kind, memory_format=torch.channels_last if value.ndim == 4 else torch.preserve_format)
