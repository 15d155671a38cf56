"""What the Old Photos networks practise on: pictures aged by a chain of degradations, and where they are destroyed."""

from __future__ import annotations

from functools import cache
from typing import Annotated, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations import chains
from restauro.degradations._base import Degradation
from restauro.degradations._links import aim, draw
from restauro.degradations.chains import degrade
from restauro.photo.holes import fill


class Aged(NamedTuple):
    """picture (N, 3, H, W) in [-1, 1], its told holes white; mask (N, 1, H, W), 1 = a told hole; target: without the damage."""

    picture: Tensor
    mask: Tensor
    target: Tensor


Chain = Annotated[str, Knob("chain of degradations that makes synthetic old photographs")]
Told = Annotated[float, Knob("share of pictures whose destroyed places are told, and shown as white holes", ge=0, le=1)]
Widened = Annotated[int, Knob("told masks are too wide by up to so much, as found ones are", ge=0, le=16, unit="px")]


def age(pictures: Tensor, rng: np.random.Generator, chain: str, told: float, widened: int) -> Aged:
    """Each picture with damage of its own."""
    aged = [_aged(one[None], rng, links(chain), told, widened) for one in pictures]
    return Aged(*(torch.cat(part) for part in zip(*aged, strict=True)))


def _aged(picture: Tensor, rng: np.random.Generator, links: list[Degradation], told: float, widened: int) -> Aged:
    damaged = degrade(picture, links, rng)
    mask = torch.zeros_like(picture[:, :1])
    if damaged.mask is not None and rng.random() < told:
        radius = int(rng.integers(widened + 1))
        mask = F.max_pool2d((damaged.mask > 0).to(mask), 2 * radius + 1, 1, radius)
    return Aged(holed(damaged.picture, mask), mask, damaged.target)


def asked(pictures: Tensor, rng: np.random.Generator, chain: str) -> Tensor:
    """What would be asked of a restorer after this chain: a grey or toned print stays one."""
    return torch.cat([aim(one, links(chain), draw(links(chain), rng)) for one in pictures.split(1)])


@cache
def links(name: str) -> list[Degradation]:
    return chains.chain(name)


def closed(picture: Tensor, mask: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] with its holes closed from their edges, as far as there is anything else."""
    return torch.stack([_closed(one, hole[0].numpy()) for one, hole in zip(picture, mask, strict=True)])


def _closed(picture: Tensor, mask: np.ndarray) -> Tensor:
    if not (mask > 0).any() or (mask > 0).all():
        return picture
    return torch.from_numpy(fill(picture.permute(1, 2, 0).numpy() / 2 + 0.5, mask) * 2 - 1).permute(2, 0, 1)


def holed(picture: Tensor, mask: Tensor) -> Tensor:
    """Holes are white, as published."""
    return picture * (1 - mask) + mask
