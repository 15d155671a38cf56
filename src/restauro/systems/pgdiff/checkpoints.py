"""Official checkpoints of PGDiff and of what it builds on: face priors, its restorer, RRDB networks, identity networks.

What shapes cannot tell is as in the published code; the licence notes are those of the code and of the training data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from restauro.networks.iresnet import BLOCKS, iresnet_arguments
from restauro.networks.rrdb import rrdb_arguments, timed_restorer_arguments
from restauro.networks.unet import unet_arguments
from restauro.networks.vgg import vgg_arguments
from restauro.weights.passports import Passport
from restauro.weights.recognise import Layout

S_LAB = "S-Lab License 1.0: non-commercial use only; the weights carry no statement of their own, so the code's is taken"
FFHQ = "FFHQ (Flickr faces; CC BY-NC-SA 4.0)"

LINEAR = {"prediction": "eps", "schedule": "openai-linear", "steps": 1000}


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
        {"num_heads": 1, "num_head_channels": None},
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


def unet_passport(tensors: Mapping[str, Tensor]) -> Passport:
    """A U-Net in OpenAI's layout. What the shapes cannot say is as in guided-diffusion: heads of 64 channels, noise
    predicted, 1000 linear steps."""
    arguments = unet_arguments(tensors)
    enlarges = arguments["in_channels"] == 6 and arguments["out_channels"] in (3, 6)
    learned = arguments["out_channels"] == (6 if enlarges else 2 * arguments["in_channels"])
    told = "enlarges a picture it is shown" if enlarges else "is told a class" if arguments["num_classes"] else ""
    common: dict[str, Any] = {
        **LINEAR,
        "kind": "conditional-prior" if told else "prior",
        "architecture": "unet-superres" if enlarges else "unet",
        "variance": "learned_range" if learned else "fixed_large",
    }
    if arguments["in_channels"] == 3 and learned and not told:
        for known in KNOWN:
            if all(arguments[name] == value for name, value in known.shape.items()):
                arguments |= known.arguments
                return Passport(name=known.name, what=known.what, arguments=arguments, **common, **known.facts)
    millions = sum(tensor.numel() for tensor in tensors.values()) / 1e6
    return Passport(
        name=f"unet-{max(millions, 1):.0f}m",
        what=f"A pixel diffusion U-Net in OpenAI's layout{' that ' if told else ''}{told}; head width, schedule and prediction "
        "are assumed",
        arguments=arguments,
        licence="guided-diffusion is MIT; the terms of these weights are those of whoever published them",
        **common,
    )


def restorer_passport(tensors: Mapping[str, Tensor]) -> Passport:
    return Passport(
        name="pgdiff-restorer",
        what="PGDiff's time-conditioned restorer of aligned 512-pixel faces",
        kind="restorer",
        architecture="rrdb-timed",
        arguments=timed_restorer_arguments(tensors),
        prediction="clean",
        size=512,
        face_template="ffhq512",
        training_data=FFHQ,
        licence=f"{S_LAB}. Trained on {FFHQ}",
    )


def rrdb_passport(tensors: Mapping[str, Tensor]) -> Passport:
    arguments = rrdb_arguments(tensors)
    scale = arguments["scale"]
    does = f"enlarges {scale} times" if scale > 1 else "keeps the size"
    return Passport(
        name=f"rrdb-x{scale}",
        what=f"An RRDB network (Real-ESRGAN's and BasicSR's layout) that {does}",
        kind="upscaler" if scale > 1 else "restorer",
        architecture="rrdb",
        arguments=arguments,
        prediction="clean",
        range=(0.0, 1.0),
        licence="Real-ESRGAN is BSD-3-Clause; the terms of these weights are those of whoever published them",
    )


def iresnet_passport(tensors: Mapping[str, Tensor]) -> Passport:
    arguments = iresnet_arguments(tensors)
    depth = next(
        (depth for depth, blocks in BLOCKS.items() if list(blocks) == arguments["blocks"]), sum(arguments["blocks"]) * 2 + 2
    )
    return Passport(
        name=f"arcface-iresnet{depth}",
        what=f"An identity network (ArcFace, iresnet{depth})",
        kind="identity",
        architecture="iresnet",
        arguments=arguments,
        size=arguments["size"],
        face_template="arcface",
        licence="InsightFace's models are for non-commercial research only",
    )


def vgg_passport(tensors: Mapping[str, Tensor]) -> Passport:
    arguments = vgg_arguments(tensors)
    depth = sum(arguments["blocks"]) + 3  # counted with the three layers that are left out
    return Passport(
        name=f"vgg{depth}",
        what=f"VGG-{depth} of torchvision: deep features for the property perceptual",
        kind="features",
        architecture="vgg",
        arguments=arguments,
        training_data="ImageNet",
        licence="torchvision is BSD-3-Clause; ImageNet's pictures are for non-commercial research",
    )


LAYOUTS = (
    Layout(
        "PGDiff's time-conditioned restorer",
        ("generator.conv_first.weight", "generator.body.0.rdb1.conv1.weight", "time_embed.0.weight", "time_embed.2.weight"),
        restorer_passport,
        take=("generator.", "time_embed."),
    ),
    Layout(
        "a U-Net in OpenAI's layout",
        (
            "time_embed.0.weight",
            "input_blocks.0.0.weight",
            "middle_block.1.qkv.weight",
            "output_blocks.0.0.in_layers.0.weight",
            "out.2.weight",
        ),
        unet_passport,
    ),
    Layout(
        "an RRDB network",
        ("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight", "conv_up1.weight", "conv_last.weight"),
        rrdb_passport,
    ),
    Layout(
        "an ArcFace iresnet",
        ("conv1.weight", "prelu.weight", "layer1.0.bn3.weight", "layer4.0.downsample.0.weight", "features.weight"),
        iresnet_passport,
    ),
    Layout(
        "torchvision's VGG-16 or VGG-19",
        ("features.0.weight", "features.2.weight", "features.5.weight", "features.7.weight", "features.28.weight"),
        vgg_passport,
        take=("features.",),
    ),
)
