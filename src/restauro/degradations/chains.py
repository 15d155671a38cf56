"""Chains of degradations, named or spelled out. Every chain is a forward model: `degrade(picture, chain, rng)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import build, parse_settings, suggest
from restauro.core.registry import DEGRADATIONS
from restauro.degradations._base import Degradation, Params
from restauro.degradations._links import Kept, OneOf, Shuffled, aim, draw, maybe, strike
from restauro.degradations._named import CHAINS as CHAINS
from restauro.degradations._named import blind as blind
from restauro.degradations.downsample import enlarge
from restauro.degradations.jpeg import Jpeg
from restauro.degradations.soft_jpeg import SoftJpeg


class Damaged(NamedTuple):
    """picture (N, 3, H, W) in [-1, 1]; mask (1, 1, H, W) or None; what was drawn, link by link; and what a restorer is
    asked for, the undamaged picture with what the chain keeps (a grey one's target may be grey too)."""

    picture: Tensor
    mask: Tensor | None
    params: list[tuple[str, Params]]
    target: Tensor


def chain(name: str) -> list[Degradation]:
    """The links of a named chain, or of one spelled out: `"blur:low=4,high=8+jpeg"`.

    Each part is a named chain or any registered degradation; `p` is the probability of a link: `"grey:p=0.1+gfpgan"`.
    """
    return [link for part in name.split("+") for link in (CHAINS[part] if part in CHAINS else [_link(part)])]


def _link(text: str) -> Degradation:
    name, settings = parse_settings(text)
    if name.replace("_", "-") not in DEGRADATIONS:
        raise RecipeError(f"unknown chain {name!r}{suggest(name, [*CHAINS, *DEGRADATIONS])}")
    probability = settings.pop("p", None)
    found: Degradation = build(DEGRADATIONS.get(name), settings, name=name, lax=True)
    return found if probability is None else maybe(_share(probability, name), found)


def _share(text: str, name: str) -> float:
    try:
        if 0 <= (share := float(text)) <= 1:
            return share
    except ValueError:
        pass
    raise RecipeError(f"{name}: p={text} is no probability, a number from 0 to 1")


def degrade(picture: Tensor, links: str | list[Degradation], rng: np.random.Generator) -> Damaged:
    """Draw parameters and apply them; after a reduction the later links act on the small picture, which is enlarged last."""
    links = chain(links) if isinstance(links, str) else links
    return replay(picture, links, draw(links, rng))


def replay(picture: Tensor, links: Sequence[Degradation], params: list[tuple[str, Params]]) -> Damaged:
    """The same parameters give the same damage."""
    damaged, mask = strike(picture, links, params, picture)
    return Damaged(enlarge(damaged, picture), mask, params, aim(picture, links, params))


def soft(links: Sequence[Degradation]) -> list[Degradation]:
    """The same links with gradients: what was drawn for the ones can be replayed with the others, within rounding."""
    return [_soft(link) for link in links]


def _soft(link: Degradation) -> Degradation:
    if isinstance(link, OneOf):
        return msgspec.structs.replace(link, ways=tuple(tuple(soft(way)) for way in link.ways))
    if isinstance(link, Shuffled):
        return Shuffled(links=tuple(soft(link.links)))
    if isinstance(link, Kept):
        return Kept(change=_soft(link.change))
    return SoftJpeg(low=link.low, high=link.high) if type(link) is Jpeg else link
