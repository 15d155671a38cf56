"""Official checkpoints of what PGDiff builds on: its restorer, RRDB networks, identity networks, deep features.

What shapes cannot tell is as in the published code; the licence notes are those of the code and of the training data.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from restauro.networks.iresnet import BLOCKS, iresnet_arguments
from restauro.networks.rrdb import rrdb_arguments, timed_restorer_arguments
from restauro.networks.vgg import vgg_arguments
from restauro.weights.passports import Passport
from restauro.weights.recognise import Layout

S_LAB = "S-Lab License 1.0: non-commercial use only; the weights carry no statement of their own, so the code's is taken"
FFHQ = "FFHQ (Flickr faces; CC BY-NC-SA 4.0)"


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
