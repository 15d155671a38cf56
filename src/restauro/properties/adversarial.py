"""Adversarial: a critic takes the picture for a sharp photograph (PGDiff, quality enhancement)."""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.properties._look import look, network_of


class Adversarial(Property, frozen=True, kw_only=True):
    """The critic's mean logit is far above 0: softplus(-logit), the non-saturating loss (Goodfellow et al. 2014).

    clean: (N, 3, H, W) in [-1, 1], moved to the critic's template.  target: the template of the observation.
    """

    critic: Annotated[str, Knob("name of the critic's weights")] = "face-critic"
    blur: Annotated[float, Knob("Gaussian through which it looks, against patterns", ge=0, le=5, unit="px of its picture")] = 0.8

    def target(self, observed: Observation) -> str:
        network_of(self.critic, ("critic",), observed.picture.device)  # a missing one is noticed before the walk
        return observed.template

    def distance(self, clean: Tensor, target: str) -> Tensor:
        network, passport = network_of(self.critic, ("critic",), clean.device)
        return F.softplus(-network(look(clean, passport, target, self.blur)).mean((1, 2, 3)))

    def elements(self, clean: Tensor, target: str) -> int:
        return 1
