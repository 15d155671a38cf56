"""Whether a face is still that person, told by an embedder that guided nothing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.recipe import Recipe
from restauro.properties._look import look, network_of
from restauro.systems._built import property_of
from restauro.weights.store import available

JUDGE = "identity"
"""The embedder that judges."""
UNSURE = {"restore": 0.6, "reference": 0.6, "enhance": 0.6, "colorize": 0.6, "inpaint": 0.6, "old-photo": 0.2}
"""Cosine between the embeddings before and after under which a face may have become somebody else.

On 40 validation faces 98 of 100 restorations lie above 0.98 (old photographs, whose scratches the embedder sees, above
0.11), 98 of 100 pairs of strangers below 0.66.
"""


@torch.no_grad()
def embed(pictures: Tensor, template: str, embedder: str) -> Tensor:
    """(N, 3, H, W) faces to (N, D) directions. In grey: an old photograph and a new one show the same person."""
    network, passport = network_of(embedder, ("identity",), pictures.device)
    return F.normalize(network(look(pictures.mean(1, keepdim=True).expand_as(pictures), passport, template)))


def likeness(before: Tensor, after: Tensor, template: str) -> Tensor:
    """(N,) cosines, by the judge."""
    return (embed(before, template, JUDGE) * embed(after, template, JUDGE)).sum(1)


def judge_guides(recipe: Recipe) -> bool:
    """Whether a property of the recipe looks through the judge itself; it may not judge then."""
    wanted = [property_of(want) for want in recipe.wants]
    return JUDGE in {getattr(one, knob, "") for one in wanted for knob in ("embedder", "features")}


def judge_is_here() -> bool:
    return JUDGE in {passport.name for passport in available()}
