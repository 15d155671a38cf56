"""Identity: the face is recognised as the one in the reference photograph (PGDiff, reference-based restoration)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.properties._look import look, network_of


class Person(NamedTuple):
    """embedding: (1, D), the mean over all references. template: how the faces that are compared with it are aligned."""

    embedding: Tensor
    template: str


class Identity(Property, frozen=True, kw_only=True):
    """The embedding equals that of the references: mean squared difference, or 1 - cosine (0: same direction).

    clean: (N, 3, H, W) in [-1, 1], faces on the template of the observation.  reference: (R, 3, H, W), on the same.
    Mirror image and blur are seen by the references, too: they take from the gradient what only the network would notice.
    As published: loss=mse, align=false, mirror=false, blur=0.
    """

    loss: Annotated[Literal["mse", "cosine"], Knob("how embeddings are compared")] = "cosine"
    embedder: Annotated[str, Knob("name of the embedder's weights")] = "identity-guide"
    align: Annotated[bool, Knob("move faces to the embedder's own template; false: only resize the crop, as published")] = True
    mirror: Annotated[bool, Knob("the mean of the embeddings of face and mirror image")] = True
    blur: Annotated[float, Knob("Gaussian through which the embedder looks", ge=0, le=5, unit="px of its picture")] = 1.5

    def of_reference(self) -> Literal["nothing", "look", "person"]:
        return "person"

    def embed(self, picture: Tensor, template: str = "") -> Tensor:
        """(N, 3, H, W) to (N, D), differentiable."""
        network, passport = network_of(self.embedder, ("identity",), picture.device)
        seen = look(picture, passport, template if self.align else "", self.blur)
        return (network(seen) + network(seen.flip(3))) / 2 if self.mirror else network(seen)

    def target(self, observed: Observation) -> Person:
        if observed.reference is None:
            raise RecipeError("identity needs a reference photograph of the person (--reference FILE)")
        found = self.embed(observed.reference, observed.template)
        if self.loss == "cosine":
            found = F.normalize(found)
        return Person(found.mean(0, keepdim=True), observed.template)

    def distance(self, clean: Tensor, target: Person) -> Tensor:
        found = self.embed(clean, target.template)
        wanted = target.embedding.expand_as(found)
        if self.loss == "cosine":
            return 1 - F.cosine_similarity(found, wanted, dim=1, eps=1e-6)
        return (found - wanted).square().mean(1)

    def elements(self, clean: Tensor, target: Person) -> int:
        return 1 if self.loss == "cosine" else target.embedding.numel()
