"""Cascades: pictures drawn small, then enlarged by one super-resolver after another (SR3, section 4.5; 2106.15282)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.knobs import Knob, Knobbed, build, parse_settings
from restauro.core.noise import PictureNoise
from restauro.systems.sr3.denoiser import super_resolver
from restauro.systems.sr3.objective import told
from restauro.systems.sr3.published import sampled

DRAWS = 1 << 20
"""Apart from each other in the noise of a picture lie its stages."""


class Stage(Knobbed, frozen=True, kw_only=True):
    """One super-resolver and its walk, ancestral from noise alone. Small stages need more steps than large ones."""

    prior: Annotated[str, Knob("weights of the super-resolver: a name")] = "super-resolver"
    factor: Annotated[int, Knob("how many times larger", ge=2, le=8)] = 2
    steps: Annotated[str, Knob("noise levels to visit; by default what a search found")] = "ho-quad:10@1e-5..0.98"


def parse_stage(text: str) -> Stage:
    """`"super-resolver:factor=2,steps=cosine:20"`."""
    name, settings = parse_settings(text)
    stage: Stage = build(Stage, {"prior": name, **settings}, name=f"stage {name}", lax=True)
    return stage


@torch.no_grad()
def cascade(stages: Sequence[Stage], small: Tensor, seed: int, pictures: Sequence[int]) -> Iterator[Tensor]:
    """(N, 3, H, W) in [-1, 1] after each stage. pictures: their numbers, which with the seed decide their noise.

    Every stage is shown what the one before it drew, enlarged bicubically and not blurred: blur belongs to its training.
    """
    for number, stage in enumerate(stages, 1):
        shown = F.interpolate(small, scale_factor=stage.factor, mode="bicubic", antialias=True).clamp(-1, 1)
        denoiser = super_resolver(stage.prior, shown, told(stage.factor, 0.0))
        own = PictureNoise(seed, pictures, denoiser.shape, small.device)

        def noise(step: int, draw: int = 0, own: PictureNoise = own, number: int = number) -> Tensor:
            return own(step, draw + number * DRAWS)

        small = sampled(denoiser, noise, stage.steps)
        yield small
