"""Identity: the face is recognised as the one in the reference photograph (PGDiff, reference-based restoration)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.weights.store import find, load


class Identity(Property, frozen=True, kw_only=True):
    """The embedding equals the reference's: mean squared difference, or 1 - cosine (0: same direction).

    clean: (N, 3, H, W) in [-1, 1], faces on the embedder's template.  target: (N or 1, D).
    """

    loss: Annotated[Literal["mse", "cosine"], Knob("how embeddings are compared")] = "cosine"
    embedder: Annotated[str, Knob("name of the embedder's weights")] = "identity"

    def embed(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, D), differentiable."""
        network, side = embedder(self.embedder, picture.device)
        return network(to_embedder(picture, side))

    def target(self, observed: Observation) -> Tensor:
        if observed.reference is None:
            raise RecipeError("identity needs a reference photograph of the person (--reference FILE)")
        return self.embed(observed.reference)

    def distance(self, clean: Tensor, target: Tensor) -> Tensor:
        found = self.embed(clean)
        if self.loss == "cosine":
            return 1 - F.cosine_similarity(found, target.expand_as(found), dim=1, eps=1e-6)
        return (found - target).square().mean(1)

    def elements(self, clean: Tensor, target: Tensor) -> int:
        return 1 if self.loss == "cosine" else target[0].numel()


def embedder(name: str, device: torch.device) -> tuple[nn.Module, int]:
    """An embedder's network and the side of the pictures it looks at."""
    return load(name, device), find(name)[0].size


def to_embedder(picture: Tensor, side: int = 112) -> Tensor:
    """(N, 3, H, W) to (N, 3, side, side), bilinear, antialiased."""
    if picture.shape[-2:] == (side, side):
        return picture
    return F.interpolate(picture, (side, side), mode="bilinear", antialias=True, align_corners=False)
