"""Official checkpoints of pixel diffusion priors: OpenAI's layout (DifFace's and PGDiff's too), diffusers', Ho et al.'s.

What neither shapes nor a config tell is as in the published code; the licence notes are those of the code and of the training
data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from torch import Tensor

from restauro.core.errors import WeightsError
from restauro.networks.unet import unet_arguments
from restauro.systems.ddpm.configs import network_said, training_said
from restauro.systems.ddpm.keys import AVERAGED, from_diffusers, from_tensorflow
from restauro.systems.ddpm.network import CELEBAHQ256, CIFAR10, HO
from restauro.weights.passports import Passport
from restauro.weights.recognise import Layout

S_LAB = "S-Lab License 1.0: non-commercial use only; the weights carry no statement of their own, so the code's is taken"
FFHQ = "FFHQ (Flickr faces; CC BY-NC-SA 4.0)"
PUBLISHER = "the terms of these weights are those of whoever published them"


@dataclass(frozen=True)
class Known:
    """A published U-Net. shape: what is read off its tensors; arguments and facts: what they do not tell."""

    name: str
    what: str
    shape: Mapping[str, Any]
    facts: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)


DIFFACE = {"face_template": "ffhq512", "training_data": FFHQ, "licence": f"{S_LAB}. Trained on {FFHQ}"}
OPENAI = "the code is MIT; ImageNet's and LSUN's pictures are for non-commercial research"
FOUR_HEADS = {"num_heads": 4, "num_head_channels": None}
ONE_HEAD = {"num_heads": 1, "num_head_channels": None}
UNTOLD = "4000 steps of cosine or linear noise, by file: say --schedule and --timesteps on import"

KNOWN = (
    Known(
        "ffhq512",
        "DifFace's and PGDiff's diffusion prior of aligned 512-pixel faces",
        {"model_channels": 32, "channel_mult": [1, 2, 4, 8, 8, 16, 16], "num_res_blocks": [1, 2, 2, 2, 2, 3, 4]}
        | {"attention": [16, 32, 64], "scale_shift": True, "resblock_updown": False},
        {"size": 512, "pictures_seen": 500_000 * 64, **DIFFACE},
    ),
    Known(
        "ffhq256",
        "DifFace's diffusion prior of aligned 256-pixel faces",
        {"model_channels": 128, "channel_mult": [1, 1, 2, 2, 4, 4], "num_res_blocks": [2] * 6}
        | {"attention": [16, 32], "scale_shift": True, "resblock_updown": False},
        {"size": 256, **DIFFACE},
    ),
    Known(
        "guided256",
        "OpenAI's guided-diffusion prior of 256-pixel photographs",
        {"model_channels": 256, "channel_mult": [1, 1, 2, 2, 4, 4], "num_res_blocks": [2] * 6}
        | {"attention": [8, 16, 32], "scale_shift": True, "resblock_updown": True},
        {"size": 256, "training_data": "ImageNet", "licence": f"guided-diffusion: {OPENAI}"},
    ),
    Known(
        "improved-lsun256",
        "OpenAI's improved-diffusion prior of 256-pixel scenes",
        {"model_channels": 128, "channel_mult": [1, 1, 2, 2, 4, 4], "num_res_blocks": [2] * 6}
        | {"attention": [16], "scale_shift": False, "resblock_updown": False},
        {"size": 256, "training_data": "LSUN", "licence": f"improved-diffusion: {OPENAI}"},
        ONE_HEAD,
    ),
    Known(
        "improved-imagenet64",
        f"OpenAI's improved-diffusion prior of 64-pixel photographs; {UNTOLD}",
        {"model_channels": 128, "channel_mult": [1, 2, 3, 4], "num_res_blocks": [3] * 4}
        | {"attention": [4, 8], "scale_shift": True, "resblock_updown": False},
        {"size": 64, "training_data": "ImageNet", "licence": f"improved-diffusion: {OPENAI}"},
        FOUR_HEADS,
    ),
    Known(
        "improved-cifar32",
        f"OpenAI's improved-diffusion prior of 32-pixel photographs; {UNTOLD}",
        {"model_channels": 128, "channel_mult": [1, 2, 2, 2], "num_res_blocks": [3] * 4}
        | {"attention": [2, 4], "scale_shift": True, "resblock_updown": False},
        {"size": 32, "training_data": "CIFAR-10", "licence": "improved-diffusion is MIT"},
        FOUR_HEADS,
    ),
)


def _of(published: Mapping[str, Any]) -> dict[str, Any]:
    told = ("in_channels", "out_channels", "model_channels", "channel_mult", "attention", "scale_shift")
    return {**{name: published[name] for name in told}, "num_res_blocks": [2] * len(published["channel_mult"])}


KNOWN_HO = (
    Known(
        "ddpm-cifar32",
        "Ho et al.'s diffusion prior of 32-pixel photographs (google/ddpm-cifar10-32)",
        _of(CIFAR10),
        {"size": 32, "variance": "fixed_large", "training_data": "CIFAR-10", "licence": "google/ddpm-* is Apache-2.0"},
    ),
    Known(
        "ddpm-256",
        "Ho et al.'s diffusion prior of 256-pixel faces or scenes (CelebA-HQ or LSUN; the file does not tell)",
        _of(CELEBAHQ256),
        {"size": 256, "training_data": "CelebA-HQ or LSUN"}
        | {"licence": "google/ddpm-* is Apache-2.0; CelebA-HQ's and LSUN's pictures are for non-commercial research"},
    ),
)


def _known(arguments: Mapping[str, Any], table: tuple[Known, ...]) -> Known | None:
    return next((one for one in table if all(arguments[name] == value for name, value in one.shape.items())), None)


def _facts(arguments: Mapping[str, Any], tensors: Mapping[str, Tensor], layout: str) -> dict[str, Any]:
    """Of a passport, what holds for every prior as long as nothing else is known of it."""
    enlarges = arguments["in_channels"] == 6 and arguments["out_channels"] in (3, 6)
    learned = arguments["out_channels"] == (6 if enlarges else 2 * arguments["in_channels"])
    told = "enlarges a picture it is shown" if enlarges else "is told a class" if arguments["num_classes"] else ""
    millions = sum(tensor.numel() for tensor in tensors.values()) / 1e6
    return {
        "name": f"unet-{max(millions, 1):.0f}m",
        "what": f"A pixel diffusion U-Net in {layout} layout{' that ' if told else ''}{told}; head width, schedule and "
        "prediction are assumed",
        "kind": "conditional-prior" if told else "prior",
        "architecture": "unet-superres" if enlarges else "unet",
        "prediction": "eps",
        "variance": "learned_range" if learned else "fixed_large",
        "steps": 1000,
    }


def openai_passport(tensors: Mapping[str, Tensor]) -> Passport:
    """A U-Net in OpenAI's layout. What the shapes cannot say is as in guided-diffusion: heads of 64 channels, noise
    predicted, 1000 linear steps."""
    arguments = unet_arguments(tensors)
    facts = {**_facts(arguments, tensors, "OpenAI's"), "schedule": "openai-linear"}
    learned = facts["variance"] == "learned_range"
    if learned and facts["kind"] == "prior" and (known := _known(arguments, KNOWN)):
        facts |= {"name": known.name, "what": known.what, **known.facts}
        arguments |= known.arguments
    return Passport(arguments=arguments, **{"licence": f"guided-diffusion is MIT; {PUBLISHER}", **facts})


def diffusers_passport(theirs: Mapping[str, Tensor]) -> Passport | None:
    """A U-Net in diffusers' layout; None where it hears prompts, which a prior of latents does.

    Where nothing is said of it, it is as published by Ho et al.: sines first, TensorFlow's padding, one head. Where scale and
    shift are learned it is OpenAI's network under other names: cosines first, heads of 64 channels.
    """
    if any(".transformer_blocks." in key for key in theirs):
        return None
    tensors = from_diffusers(theirs)
    arguments: dict[str, Any] = {**unet_arguments(tensors), "new_attention_order": True}
    arguments |= {} if arguments["scale_shift"] else {**HO, **ONE_HEAD}
    facts = {**_facts(arguments, tensors, "diffusers'"), "schedule": "ho-linear"}
    if facts["variance"] == "fixed_large":
        facts["variance"] = "fixed_small_clipped"
    if known := _known(arguments, KNOWN_HO):
        facts |= {"name": known.name, "what": known.what, **known.facts}
    return Passport(arguments=arguments, **{"licence": PUBLISHER, **facts})


def tensorflow_passport(theirs: Mapping[str, Tensor]) -> Passport | None:
    return diffusers_passport(from_tensorflow(theirs))


def configured(passport: Passport, said: Mapping[str, Mapping[str, Any]]) -> Passport:
    """The passport as the config files of diffusers say: "config.json" and, where it is there, "scheduler_config.json"."""
    network, scheduler = said["config.json"], said.get("scheduler_config.json", {})
    facts: dict[str, Any] = {"arguments": {**passport.arguments, **network_said(network)}}
    size = network.get("sample_size") or passport.size
    if not isinstance(size, int):
        raise WeightsError(f"a prior of pictures that are not square ({size}) is not supported")
    if scheduler:
        facts |= training_said(scheduler)
        learned = passport.variance == "learned_range"
        if learned != str(facts["variance"]).startswith("learned"):
            raise WeightsError(
                f"the network answers {'with' if learned else 'without'} a variance, and its scheduler says {facts['variance']}"
            )
    return msgspec.structs.replace(passport, size=size, **facts)


LAYOUTS = (
    Layout(
        "a U-Net in OpenAI's layout",
        (
            "time_embed.0.weight",
            "input_blocks.0.0.weight",
            "middle_block.1.qkv.weight",
            "output_blocks.0.0.in_layers.0.weight",
            "out.2.weight",
        ),
        openai_passport,
    ),
    Layout(
        "a U-Net in diffusers' layout",
        (
            "time_embedding.linear_1.weight",
            "conv_in.weight",
            "down_blocks.0.resnets.0.conv1.weight",
            "mid_block.resnets.1.conv1.weight",
            "conv_norm_out.weight",
        ),
        diffusers_passport,
        network=from_diffusers,
        configured=configured,
    ),
    *(
        Layout(
            f"{of} TensorFlow U-Net of Ho et al.",
            tuple(
                f"model/{name}{suffix}"
                for name in ("temb/dense0/W", "conv_in/W", "down_0/block_0/conv1/W", "mid/attn_1/q/W", "conv_out/W")
            ),
            tensorflow_passport,
            take=("model/",),
            network=lambda tensors: from_diffusers(from_tensorflow(tensors)),
        )
        for of, suffix in (("the averaged", AVERAGED), ("a", ""))
    ),
)
