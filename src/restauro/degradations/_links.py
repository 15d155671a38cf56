"""Links of chains: drawn one after the other, applied one after the other; and links that choose among others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.degradations._base import Degradation, Params
from restauro.degradations.downsample import enlarge

Drawn = Sequence[tuple[str, Params]]
"""The name and the parameters of every link."""


def draw(links: Sequence[Degradation], rng: np.random.Generator) -> list[tuple[str, Params]]:
    return [(_name(link), link.sample(rng)) for link in links]


def walk(picture: Tensor, links: Sequence[Degradation], drawn: Drawn, clean: Tensor) -> Tensor:
    """The links on `picture`, which may come out in another size than `clean`, the picture that the chain began with."""
    for link, (_, params) in zip(links, drawn, strict=True):
        picture = link.link(picture, params, clean)
    return picture


def strike(picture: Tensor, links: Sequence[Degradation], drawn: Drawn, clean: Tensor) -> tuple[Tensor, Tensor | None]:
    """`walk` and `torn` at once."""
    found = None
    for link, (_, params) in zip(links, drawn, strict=True):
        picture, mask = link.strike(picture, params, clean)
        if mask is not None:
            found = mask if found is None else found.maximum(mask)
    return picture, found


def torn(picture: Tensor, links: Sequence[Degradation], drawn: Drawn) -> Tensor | None:
    """(1, 1, H, W), 1 where any of the links leaves nothing of the picture."""
    found = None
    for link, (_, params) in zip(links, drawn, strict=True):
        mask = link.mask(picture, params)
        if mask is not None:
            found = mask if found is None else found.maximum(mask)
    return found


def aim(picture: Tensor, links: Sequence[Degradation], drawn: Drawn) -> Tensor:
    """What a restorer of these links is asked for."""
    for link, (_, params) in zip(links, drawn, strict=True):
        picture = link.target(picture, params)
    return picture


class OneOf(Degradation, frozen=True, kw_only=True):
    """One of several ways to go on, each some links or none; what was drawn says which."""

    shares: tuple[float, ...]
    ways: tuple[tuple[Any, ...], ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.shares) != len(self.ways) or abs(sum(self.shares) - 1) > 1e-6 or min(self.shares) < 0:
            raise RecipeError(f"OneOf: {len(self.ways)} ways need as many shares that add up to 1, not {self.shares}")

    def sample(self, rng: np.random.Generator) -> Params:
        way = int(rng.choice(len(self.ways), p=self.shares))
        return {"way": way, "drawn": [list(link) for link in draw(self.ways[way], rng)]}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return enlarge(self.link(picture, params, picture), picture)

    def link(self, picture: Tensor, params: Params, clean: Tensor) -> Tensor:
        return walk(picture, self.ways[params["way"]], params["drawn"], clean)

    def strike(self, picture: Tensor, params: Params, clean: Tensor) -> tuple[Tensor, Tensor | None]:
        return strike(picture, self.ways[params["way"]], params["drawn"], clean)

    def mask(self, picture: Tensor, params: Params) -> Tensor | None:
        return torn(picture, self.ways[params["way"]], params["drawn"])

    def target(self, picture: Tensor, params: Params) -> Tensor:
        return aim(picture, self.ways[params["way"]], params["drawn"])


class Shuffled(Degradation, frozen=True, kw_only=True):
    """All of these links, in an order that is drawn."""

    links: tuple[Any, ...]

    def sample(self, rng: np.random.Generator) -> Params:
        order = rng.permutation(len(self.links)).tolist()
        return {"order": order, "drawn": [list(link) for link in draw(self._ordered(order), rng)]}

    def _ordered(self, order: Sequence[int]) -> list[Degradation]:
        return [self.links[place] for place in order]

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return enlarge(self.link(picture, params, picture), picture)

    def link(self, picture: Tensor, params: Params, clean: Tensor) -> Tensor:
        return walk(picture, self._ordered(params["order"]), params["drawn"], clean)

    def mask(self, picture: Tensor, params: Params) -> Tensor | None:
        return torn(picture, self._ordered(params["order"]), params["drawn"])

    def target(self, picture: Tensor, params: Params) -> Tensor:
        return aim(picture, self._ordered(params["order"]), params["drawn"])


class Kept(Degradation, frozen=True, kw_only=True):
    """A change that is no damage: a restorer is asked to keep it."""

    change: Any

    def sample(self, rng: np.random.Generator) -> Params:
        return self.change.sample(rng)

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return self.change.apply(picture, params)

    def target(self, picture: Tensor, params: Params) -> Tensor:
        return self.apply(picture, params)


def one_of(*ways: tuple[float, Sequence[Degradation]]) -> OneOf:
    """(share, links) each."""
    return OneOf(shares=tuple(share for share, _ in ways), ways=tuple(tuple(links) for _, links in ways))


def maybe(probability: float, *links: Degradation) -> OneOf:
    """These links, or none."""
    return one_of((1 - probability, ()), (probability, links))


def _name(link: Degradation) -> str:
    """MotionBlur -> motion-blur."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(link).__name__).lower()
