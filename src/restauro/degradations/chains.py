"""Named chains of degradations. Every chain is a forward model: `degrade(picture, chain, rng)`.

The blind-face chains blur, reduce, add noise, compress and enlarge, with the ranges of the papers in pixels of a
512-px picture: GFPGAN (arXiv 2101.04061), CodeFormer (2206.11253), DifFace (2212.06512).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import build, parse_settings, suggest
from restauro.core.registry import DEGRADATIONS
from restauro.degradations._base import Degradation, Params
from restauro.degradations.blur import Blur
from restauro.degradations.downsample import Downsample, enlarge
from restauro.degradations.fade import Fade
from restauro.degradations.grey import Grey
from restauro.degradations.holes import Holes
from restauro.degradations.jpeg import Jpeg
from restauro.degradations.noise import Noise
from restauro.degradations.scratches import Scratches


class Damaged(NamedTuple):
    """picture (N, 3, H, W) in [-1, 1]; mask (1, 1, H, W) or None; what was drawn, link by link."""

    picture: Tensor
    mask: Tensor | None
    params: list[tuple[str, Params]]


def blind(sigma: tuple[float, float], factor: tuple[float, float], noise: float, quality: tuple[int, int]) -> list[Degradation]:
    """blur, reduce, noise, JPEG, enlarge."""
    return [
        Blur(low=sigma[0], high=sigma[1]),
        Downsample(low=factor[0], high=factor[1]),
        Noise(high=noise),
        Jpeg(low=quality[0], high=quality[1]),
    ]


CHAINS: dict[str, list[Degradation]] = {
    "gfpgan": blind((0.1, 10), (0.8, 8), 20, (60, 100)),
    "codeformer": blind((0.1, 10), (1, 12), 15, (60, 100)),
    "codeformer-large": blind((1, 15), (4, 30), 20, (30, 80)),
    "difface": blind((0.1, 15), (0.8, 32), 20, (30, 100)),
    "grey": [Grey()],
    "holes": [Holes()],
    "old-photo": [Grey(sepia=0.5), Fade(), Scratches(), *blind((0.1, 8), (1, 8), 15, (50, 95))],
}


def chain(name: str) -> list[Degradation]:
    """The links of a named chain, or of one spelled out: `"blur:low=4,high=8+jpeg"`, any registered degradation."""
    return CHAINS[name] if name in CHAINS else [_link(part) for part in name.split("+")]


def _link(text: str) -> Degradation:
    name, settings = parse_settings(text)
    if name.replace("_", "-") not in DEGRADATIONS:
        raise RecipeError(f"unknown chain {name!r}{suggest(name, [*CHAINS, *DEGRADATIONS])}")
    found: Degradation = build(DEGRADATIONS.get(name), settings, name=name, lax=True)
    return found


def degrade(picture: Tensor, links: str | list[Degradation], rng: np.random.Generator) -> Damaged:
    """Draw parameters and apply them; after a reduction the later links act on the small picture, which is enlarged last."""
    links = chain(links) if isinstance(links, str) else links
    return replay(picture, links, [(type(link).__name__.lower(), link.sample(rng)) for link in links])


def replay(picture: Tensor, links: list[Degradation], params: list[tuple[str, Params]]) -> Damaged:
    """The same parameters give the same damage."""
    out, mask = picture, None
    for link, (_, drawn) in zip(links, params, strict=True):
        torn = link.mask(picture, drawn)
        if torn is not None:
            mask = torn if mask is None else mask.maximum(torn)
        out = link.reduce(out, drawn) if isinstance(link, Downsample) else link.apply(out, drawn)
    return Damaged(enlarge(out, picture), mask, params)
