"""The networks that restore together: a prior of latents, the control that steers it, the autoencoder, and what prompts say."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.recipe import Latent, Recipe
from restauro.systems.diffbir.codec import LatentCodec
from restauro.systems.diffbir.prompts import read
from restauro.weights.passports import Passport
from restauro.weights.store import find, load

KINDS = {"prior": "latent-prior", "control": "latent-control", "autoencoder": "latent-autoencoder"}
FACTS = ("prediction", "schedule", "steps")
"""What a control must have been trained for as the prior was."""


@dataclass(frozen=True)
class Parts:
    """about: the prior's passport. contexts: what the prompt and the negative prompt say, (1, tokens, width) each, or none."""

    about: Passport
    prior: nn.Module
    control: nn.Module
    autoencoder: nn.Module
    contexts: tuple[Tensor, ...] = ()

    @property
    def codec(self) -> LatentCodec:
        return LatentCodec(self.autoencoder)  # type: ignore[arg-type]

    @property
    def multiple(self) -> int:
        """Of the sides of pictures."""
        return int(self.autoencoder.multiple) * self.places  # type: ignore[arg-type]

    @property
    def places(self) -> int:
        """Of the sides of latents."""
        return int(self.prior.multiple)  # type: ignore[arg-type]

    @classmethod
    def load(cls, recipe: Recipe, device: torch.device) -> Parts:
        """By the recipe's names. Raises WeightsError where one is missing, of another kind, or does not belong to the others."""
        latent = recipe.latent or Latent()
        about = checked(recipe)
        prior, control, autoencoder = (load(name, device) for name in (recipe.prior, latent.control, latent.autoencoder))
        return cls(about, prior, control, autoencoder, contexts(about, latent, device))


def checked(recipe: Recipe) -> Passport:
    """The prior's passport, when the passports say that the three go together; reads no weights."""
    latent = recipe.latent or Latent()
    names = {"prior": recipe.prior, "control": latent.control, "autoencoder": latent.autoencoder}
    found = {part: find(name)[0] for part, name in names.items()}
    named = names | {"text": latent.text}  # its first stage may be any
    for part, passport in found.items():
        if passport.kind != KINDS[part]:
            raise WeightsError(f"{passport.name!r} is a {passport.kind}, not a {KINDS[part]}: it is no {part} of DiffBIR's")
        for other, wanted in passport.needs.items():
            if wanted and named.get(other, wanted) != wanted:
                raise WeightsError(f"{passport.name!r} was trained with {wanted!r}, not with {named[other]!r}")
    prior, control = found["prior"], found["control"]
    for fact in FACTS:
        ours, theirs = getattr(control, fact), getattr(prior, fact)
        if ours and theirs and ours != theirs:
            raise WeightsError(
                f"{control.name!r} belongs to a prior with {fact} {ours}, {prior.name!r} has {theirs}: another release"
            )
    if not (prior.prediction and prior.schedule):
        raise WeightsError(f"what {prior.name!r} predicts is not known: import it again with --prediction and --schedule")
    latents = {int(found["autoencoder"].arguments.get("latent", 4)), int(prior.arguments["in_channels"])}
    if len(latents) > 1:
        raise WeightsError(f"{prior.name!r} knows no latents of {found['autoencoder'].name!r}: they have other channels")
    return msgspec.structs.replace(prior, face_template=prior.face_template or control.face_template)


def contexts(about: Passport, latent: Latent, device: torch.device) -> tuple[Tensor, ...]:
    """Both prompts; nothing for a prior that knows none, to which they may not be said."""
    if not about.arguments.get("context"):
        if latent.prompt or latent.unlike or latent.cfg > 1:
            raise RecipeError(f"{about.name!r} knows no prompts: leave out prompt, unlike and cfg")
        return ()
    if latent.cfg > 1 and latent.prompt == latent.unlike:
        raise RecipeError("cfg goes from one prompt to another: say what the result shows (prompt), or does not (unlike)")
    told = read(latent.text, [latent.prompt, latent.unlike], device)
    return told[:1], told[1:]
