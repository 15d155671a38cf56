"""Official checkpoints of PGDiff and of what it builds on: face priors, its restorer, RRDB networks, identity networks.

What shapes cannot tell is as in the published code; the licence notes are those of the code and of the training data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from restauro.networks.iresnet import BLOCKS, iresnet_arguments
from restauro.networks.rrdb import rrdb_arguments, timed_restorer_arguments
from restauro.networks.unet import unet_arguments
from restauro.weights.passports import Passport
from restauro.weights.recognise import Layout

S_LAB = "S-Lab License 1.0: non-commercial use only; the weights carry no statement of their own, so the code's is taken"
FFHQ = "FFHQ (Flickr faces; CC BY-NC-SA 4.0)"

FFHQ_512 = {
    "model_channels": 32,
    "channel_mult": [1, 2, 4, 8, 8, 16, 16],
    "num_res_blocks": [1, 2, 2, 2, 2, 3, 4],
    "attention": [16, 32, 64],
}
FFHQ_256 = {
    "model_channels": 128,
    "channel_mult": [1, 1, 2, 2, 4, 4],
    "num_res_blocks": [2] * 6,
    "attention": [16, 32],
}
LINEAR = {"prediction": "eps", "schedule": "openai-linear", "steps": 1000}


def unet_passport(tensors: Mapping[str, Tensor]) -> Passport:
    """A U-Net in OpenAI's layout. What the shapes cannot say is as in guided-diffusion: heads of 64 channels, noise
    predicted, 1000 linear steps."""
    arguments = unet_arguments(tensors)
    learned = arguments["out_channels"] == 2 * arguments["in_channels"]
    common: dict[str, Any] = {
        **LINEAR,
        "kind": "prior",
        "architecture": "unet",
        "arguments": arguments,
        "variance": "learned_range" if learned else "fixed_large",
    }
    face = arguments["in_channels"] == 3 and learned and arguments["scale_shift"] and not arguments["num_classes"]
    for size, shape, seen in ((512, FFHQ_512, 500_000 * 64), (256, FFHQ_256, 750_000 * 64)):
        if face and not arguments["resblock_updown"] and all(arguments[name] == value for name, value in shape.items()):
            return Passport(
                name=f"ffhq{size}",
                what=f"DifFace's and PGDiff's diffusion prior of aligned {size}-pixel faces",
                size=size,
                face_template="ffhq512",
                training_data=FFHQ,
                pictures_seen=seen if size == 512 else 0,
                licence=f"{S_LAB}. Trained on {FFHQ}",
                **common,
            )
    millions = sum(tensor.numel() for tensor in tensors.values()) / 1e6
    classes = f" of {arguments['num_classes']} classes" if arguments["num_classes"] else ""
    return Passport(
        name=f"unet-{max(millions, 1):.0f}m",
        what=f"A pixel diffusion U-Net{classes} in OpenAI's layout; head width, schedule and prediction are assumed",
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
)
