"""Perceptual: deep features like those of the target (PGDiff, quality enhancement; Zhang et al. 2018, arXiv 1801.03924)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.properties._look import look, network_of

Maps = list[Tensor]
LAYERS = {"all": slice(None), "shallow": slice(2), "deep": slice(2, None)}
FAINT = 0.01
"""Added to the squared length of features: places where nearly nothing is seen must not count like the others."""


class Seen(NamedTuple):
    """maps: one a layer, (N, C, h, w), each place a vector of length 1. template: how faces are aligned."""

    maps: Maps
    template: str


class Perceptual(Property, frozen=True, kw_only=True):
    """At each place, in each layer, the features point the same way: mean over places and layers of their squared distance.

    clean: (N, 3, H, W) in [-1, 1].  LPIPS without its learned weights. Identity networks and critics see the face as they were
    trained, others the picture as it is.
    """

    features: Annotated[str, Knob("weights of the network: an identity network, a critic, or an imported VGG")] = "identity-guide"
    layers: Annotated[
        Literal["all", "shallow", "deep"], Knob("the first two (edges, textures), those behind (parts and places), or all")
    ] = "all"
    of: Annotated[Literal["picture", "restored"], Knob("whose features: the damaged picture's or the first stage's")] = "restored"

    def embed(self, picture: Tensor, template: str = "") -> Maps:
        """(N, 3, H, W) to features of length 1, differentiable."""
        network, passport = network_of(self.features, ("identity", "critic", "features"), picture.device)
        maps: Maps = network.maps(look(picture, passport, template))  # type: ignore[operator]
        return [one / (one.square().sum(1, keepdim=True) + FAINT).sqrt() for one in maps[LAYERS[self.layers]]]

    def target(self, observed: Observation) -> Seen:
        return Seen(self.embed(observed.source(self.of), observed.template), observed.template)

    def target_at(self, observed: Observation, target: Seen, x: Tensor, t: float) -> Seen:
        if self.of == "restored" and observed.restore_at is not None:
            return Seen(self.embed(observed.restore_at(x, t), observed.template), observed.template)
        return target

    def distance(self, clean: Tensor, target: Seen) -> Tensor:
        pairs = zip(self.embed(clean, target.template), target.maps, strict=True)
        return torch.stack([(one - other).square().sum(1).mean((1, 2)) for one, other in pairs]).mean(0)

    def elements(self, clean: Tensor, target: Seen) -> int:
        return 1
