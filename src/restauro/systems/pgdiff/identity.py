"""The identity embedder: CosFace (arXiv 1801.09414) on named faces, with the photograph's own damages as augmentation."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.degradations._base import Degradation
from restauro.degradations.chains import degrade
from restauro.degradations.grey import Grey
from restauro.networks.iresnet import IResNet
from restauro.properties._look import to_embedder
from restauro.systems.pgdiff.practice import BLIND, LIGHT
from restauro.training.augment import augment
from restauro.training.data import Pictures


class Classifier(nn.Module):
    """An embedder and one direction per person; only the embedder is kept after training."""

    def __init__(self, embedder: nn.Module, width: int, people: int):
        super().__init__()
        self.embedder = embedder
        self.people = nn.Parameter(torch.randn(people, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, people) cosines."""
        return F.normalize(self.embedder(x)) @ F.normalize(self.people).T


class IdentityObjective(Knobbed, frozen=True, kw_only=True):
    """Same person, whatever the damage: half of the pictures are blurred, noisy, compressed; a third are grey.

    A picture without a name is a person of its own.
    """

    size: Annotated[int, Knob("side of the pictures it looks at", ge=32, le=112)] = 80
    widths: Annotated[tuple[int, ...], Knob("channels of the four stages")] = (24, 48, 80, 128)
    blocks: Annotated[tuple[int, ...], Knob("blocks of the four stages")] = (1, 2, 2, 1)
    embedding: Annotated[int, Knob("numbers that describe a face", ge=16)] = 128
    margin: Annotated[float, Knob("CosFace's margin", ge=0, le=1)] = 0.2
    scale: Annotated[float, Knob("CosFace's scale", ge=1)] = 24.0

    def arguments(self) -> dict[str, Any]:
        return {"blocks": self.blocks, "widths": self.widths, "size": self.size, "embedding": self.embedding}

    def build(self, data: Pictures) -> nn.Module:
        return Classifier(IResNet(**self.arguments()), self.embedding, int(people(data).max()) + 1)

    def weights(self, data: Pictures) -> np.ndarray:
        """Only people with several pictures teach what stays the same in life; the others teach what damage leaves."""
        who = people(data)
        return np.where(np.bincount(who)[who] > 1, 2.5, 0.6)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        pictures, _ = augment(pictures, rng, probability=0.4)
        seen = torch.cat([_damaged(one[None], rng) for one in pictures])
        cosines = network(to_embedder(seen, self.size).contiguous(memory_format=torch.channels_last))
        who = torch.from_numpy(people(data)[index])
        margin = torch.zeros_like(cosines).scatter_(1, who[:, None], self.margin)
        return F.cross_entropy(self.scale * (cosines - margin), who)

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """How well a face is told from all other held-out faces after damage: rank-1 rate and the gap of cosines."""
        embedder = network.embedder if isinstance(network, Classifier) else network
        pictures = held.batch(np.arange(min(128, len(held))))
        rng = np.random.default_rng(7)
        damaged = torch.cat([degrade(one[None], BLIND, rng).picture for one in pictures])
        a, b = (F.normalize(embedder(to_embedder(x, self.size))) for x in (pictures, damaged))
        cosines = a @ b.T
        same = cosines.diagonal()
        others = cosines[~torch.eye(len(a), dtype=torch.bool)]
        right = (cosines.argmax(0) == torch.arange(len(a))).float().mean()
        return {"rank-1 after damage": float(right), "cosine same": float(same.mean()), "cosine others": float(others.mean())}

    def shipped(self, network: nn.Module) -> nn.Module:
        assert isinstance(network, Classifier)
        return network.embedder

    def passport(self) -> dict[str, Any]:
        what = "identity of a face as a direction"
        return {"what": what, "kind": "identity", "architecture": "iresnet", "arguments": self.arguments(), "size": self.size}


def people(data: Pictures) -> np.ndarray:
    """(n,) a number for each person."""
    names = [record.get("identity") or f"picture {i}" for i, record in enumerate(data.records)]
    return np.unique(names, return_inverse=True)[1]


def _damaged(picture: Tensor, rng: np.random.Generator) -> Tensor:
    links: list[Degradation] = [Grey()] if rng.random() < 0.33 else []
    if rng.random() < 0.5:
        links = links + (BLIND if rng.random() < 0.5 else LIGHT)
    return degrade(picture, links, rng).picture if links else picture
