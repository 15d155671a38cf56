"""Classifier: a network that knows the noise takes the noisy picture for one of a class (Dhariwal and Nichol 2021)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.properties._look import network_of


class Classifier(Property, frozen=True, kw_only=True):
    """-log p(label | x_t): classic classifier guidance; the weight is its scale s, 1 where the network is right.

    clean: here the noisy state x_t (N, 3, H, W).  target: the timestep, of the schedule the network was trained on,
    which is to be the prior's own.
    """

    space: ClassVar[Literal["picture", "latent", "state"]] = "state"

    network: Annotated[str, Knob("name of the classifier's weights")] = "classifier"
    label: Annotated[int, Knob("number of the wanted class, from 0", ge=0)] = 0

    def target(self, observed: Observation) -> float:
        _, passport = network_of(self.network, ("classifier",), observed.picture.device)
        labels, side = int(passport.arguments["labels"]), observed.picture.shape[-1]
        if self.label >= labels:
            raise RecipeError(f"classifier: {self.network!r} knows the labels 0 to {labels - 1}, not {self.label}")
        if passport.size not in (0, side):
            raise RecipeError(f"classifier: {self.network!r} knows pictures of {passport.size} px, the prior's are of {side}")
        return 0.0

    def target_at(self, observed: Observation, target: float, x: Tensor, t: float) -> float:
        return t

    def distance(self, clean: Tensor, target: float) -> Tensor:
        network, _ = network_of(self.network, ("classifier",), clean.device)
        logits: Tensor = network(clean, torch.full((len(clean),), target, device=clean.device))
        return -logits.log_softmax(1)[:, self.label]

    def elements(self, clean: Tensor, target: float) -> int:
        return 1
