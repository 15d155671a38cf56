"""What DiffBIR trains, in their order: a first stage, an autoencoder, a prior of its latents, and the control that steers it."""

from __future__ import annotations

from restauro.systems.diffbir.autoencoder import AutoencoderObjective
from restauro.systems.diffbir.control import ControlObjective
from restauro.systems.diffbir.latent_prior import LatentPriorObjective
from restauro.systems.diffbir.stage1 import Stage1Objective

PARTS: dict[str, type[Stage1Objective] | type[AutoencoderObjective] | type[LatentPriorObjective] | type[ControlObjective]] = {
    "diffbir-stage1": Stage1Objective,
    "autoencoder": AutoencoderObjective,
    "latent-prior": LatentPriorObjective,
    "ircontrolnet": ControlObjective,
}
"""What `restauro train` can train, by the word a user types."""
