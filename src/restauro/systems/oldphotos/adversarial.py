"""What the training of the VAEs and of the mapping have in common: a critic of pictures, and what else answers are judged by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.networks.norms import Norm
from restauro.networks.reflected import ReflectedBlock
from restauro.networks.vgg import VGG
from restauro.systems.oldphotos.losses import MATCHING, PERCEPTION, Scales, feature_matching, lsgan, perception
from restauro.training.data import Pictures
from restauro.weights.store import load

Turns = Iterator[tuple[str, Tensor]]
LAYERS = 3
"""Convolutions of a critic that halve the size."""


class Adversarial(Knobbed, frozen=True, kw_only=True):
    """Published are LSGAN, 10 x feature matching and 10 x VGG, without a loss on pixels, which small networks need."""

    critic_width: Annotated[int, Knob("channels of the critics' first layers", ge=4)] = 32
    pixel: Annotated[float, Knob("weight of the distance of pixels; 0 as published", ge=0)] = 10.0
    features: Annotated[str, Knob("imported VGG of the perceptual loss; empty: none")] = ""
    norm: Annotated[Norm, Knob("published: instance, which is blind to how light a picture is, and to its contrast")] = "none"
    window: Annotated[
        int, Knob("side of the middle of a picture that it sees; 0: all, which takes most of the time", ge=0, unit="px")
    ] = 0
    raw: Annotated[bool, Knob("show it pictures in [-1, 1], as published, not normalised as it was trained")] = False
    faces: Annotated[float, Knob("share of faces among the pictures, where there are others", ge=0, le=1)] = 0.3

    def weights(self, data: Pictures) -> np.ndarray:
        """(n,) how often each picture is drawn; faces are those whose records hold five points."""
        is_face = np.array(["lm" in record for record in data.records])
        if is_face.all() or not is_face.any():
            return np.ones(len(data))
        return np.where(is_face, self.faces / is_face.sum(), (1 - self.faces) / (~is_face).sum())

    def judged(self, answer: Tensor, target: Tensor, fake: Scales, real: Scales) -> dict[str, Tensor]:
        """A generator's losses, weighted, but for those on latents. fake, real: the critic's maps."""
        found = {"adversarial": lsgan(fake, True), "matching": MATCHING * feature_matching(fake, real, LAYERS)}
        if self.pixel:
            found["pixel"] = self.pixel * (answer - target).abs().mean()
        if self.features:
            vgg = load(self.features, answer.device)
            assert isinstance(vgg, VGG)
            answer, target = (middle(one, self.window or max(one.shape[2:])) for one in (answer, target))
            found["perception"] = PERCEPTION * perception(answer, target, vgg if self.raw else vgg.maps)
        return found


def middle(pictures: Tensor, side: int) -> Tensor:
    """The middle of pictures, not larger than they are."""
    top, left = (max(0, (whole - side) // 2) for whole in pictures.shape[2:])
    return pictures[..., top : top + side, left : left + side]


def start(network: nn.Module, norm: Norm = "instance") -> None:
    """Weights of convolutions N(0, 0.02) as published, biases as torch has them; without norms: as strong as what comes in.

    What is spectrally normalised stays as torch has it.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            if norm == "none":
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            else:
                nn.init.normal_(module.weight, 0, 0.02)
    for module in network.modules():
        if isinstance(module, ReflectedBlock) and norm == "none":
            module.conv_block[5].get_parameter("weight").data.mul_(0.1)  # else every sum with the input doubles the variance


def here(network: nn.Module, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Where the network computes: what stands between several calls of its parts need not travel."""
    device = next(network.parameters()).device
    return tuple(tensor.to(device) for tensor in tensors)
