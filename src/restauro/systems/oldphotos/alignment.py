"""Whether real old photographs and synthetic ones have the same latents, and whether a critic of latents helps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from restauro.evaluation.alignment import pooled, unlikeness, unlikeness_difference
from restauro.evaluation.statistics import Interval
from restauro.systems.oldphotos.collection import Collection
from restauro.systems.oldphotos.practice import age
from restauro.training.data import Pictures


class Alignment(NamedTuple):
    """Unlikeness of the latents of real and synthetic photographs, by one VAE and by another, and the other's less the one's."""

    before: Interval
    after: Interval
    difference: Interval


def compare(before: nn.Module, after: nn.Module, old: Collection, clean: Pictures, *, chain: str, n: int = 128) -> Alignment:
    """Of two VAEs, say without and with the critic, on the same pictures: squares of old photographs, and clean ones aged.

    old, clean: neither VAE may have been trained on them. A photograph gives several squares, so that intervals say how sure
    the figure is for these photographs, not for all there are.
    """
    rng = np.random.default_rng(7)
    synthetic = age(clean.batch(rng.permutation(len(clean))[:n]), rng, chain, 0.0, 0).picture
    real = old.squares(len(synthetic), clean.size, rng)
    first, second = ((_codes(vae, real), _codes(vae, synthetic)) for vae in (before, after))
    return Alignment(unlikeness(*first), unlikeness(*second), unlikeness_difference(first, second))


@torch.no_grad()
def _codes(vae: nn.Module, pictures: Tensor) -> Tensor:
    return pooled(torch.cat([vae.encode(part) for part in pictures.split(8)]))  # type: ignore[operator]
