"""Toned black-and-white prints: sepia, amber, yellowed, albumen, selenium, cyanotype, the green of old film."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params
from restauro.degradations.grey import LUMA

TONES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "sepia": ((32, 24, 18), (136, 116, 98), (244, 236, 222)),
    "albumen": ((44, 30, 22), (158, 132, 108), (240, 224, 198)),
    "amber": ((14, 10, 3), (98, 72, 24), (226, 196, 150)),
    "yellowed": ((36, 30, 14), (152, 136, 84), (250, 240, 192)),
    "selenium": ((30, 20, 24), (132, 116, 120), (242, 234, 232)),
    "cyanotype": ((8, 22, 58), (86, 130, 168), (234, 243, 248)),
    "film": ((14, 20, 16), (112, 128, 114), (224, 236, 222)),
}
"""What black, middle grey and white become, of 255."""


class Toning(Degradation, frozen=True, kw_only=True):
    """Lightness only, on a curve of colours through black, middle grey and white; half of the draws are sepia or albumen."""

    tone: Annotated[
        Literal["sepia", "albumen", "amber", "yellowed", "selenium", "cyanotype", "film", "any"], Knob("which tone")
    ] = "any"
    low: Annotated[float, Knob("weakest tone", ge=0, le=1)] = 0.3
    high: Annotated[float, Knob("strongest tone", ge=0, le=1)] = 1.0

    def sample(self, rng: np.random.Generator) -> Params:
        tone = self.tone if self.tone != "any" else str(rng.choice(list(TONES), p=(0.3, 0.2, 0.1, 0.2, 0.08, 0.04, 0.08)))
        return {"tone": tone, "strength": float(rng.uniform(self.low, self.high))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        light = (picture * picture.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
        black, middle, white = (torch.tensor(colour).to(picture)[:, None, None] / 127.5 - 1 for colour in TONES[params["tone"]])
        # the parabola through the three
        toned = middle + (white - black) / 2 * light + ((white + black) / 2 - middle) * light.square()
        return torch.lerp(light.expand_as(toned), toned, params["strength"]).clamp(-1, 1)
