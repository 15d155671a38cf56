"""JPEG with gradients: libjpeg's tables, 8x8 cosines and 4:2:0 chroma in torch (ITU-T T.81)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Params
from restauro.degradations.jpeg import Jpeg

LUMA_TABLE = """
16 11 10 16 24 40 51 61   12 12 14 19 26 58 60 55   14 13 16 24 40 57 69 56   14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77   24 35 55 64 81 104 113 92   49 64 78 87 103 121 120 101   72 92 95 98 112 100 103 99"""
CHROMA_TABLE = """
17 18 24 47 99 99 99 99   18 21 26 66 99 99 99 99   24 26 56 99 99 99 99 99   47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99"""
"""Tables K.1 and K.2 of the standard, row by row."""
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


class SoftJpeg(Jpeg, frozen=True, kw_only=True):
    """What `Jpeg` draws, within rounding of what it gives; `rounding` has gradients, so a chain can stand inside a loss."""

    differentiable = True
    rounding: Annotated[
        Literal["straight", "cubic"],
        Knob("straight: rounded, the gradient as if it were not; cubic: round(x) + (x - round(x))^3 and its own gradient"),
    ] = "straight"
    chroma: Annotated[Literal["half", "full"], Knob("resolution of the colour differences: 4:2:0 or 4:4:4")] = "half"
    published: Annotated[
        bool, Knob("as the training chains of Real-ESRGAN and DiffBIR have it: luma's table transposed, nothing else rounded")
    ] = False
    """Neither levels nor tables are; colour differences are repeated, and beyond the border it is black. Qualities may be
    fractions."""

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        height, width = picture.shape[-2:]
        mode = "constant" if self.published else "replicate"
        levels = F.pad(self._level((picture + 1) * 127.5), (0, -width % 16, 0, -height % 16), mode=mode)
        to_ycc = picture.new_tensor(TO_YCC)
        planes = torch.einsum("ij,njhw->nihw", to_ycc, levels)
        luma, chroma = planes[:, :1] - 128, planes[:, 1:]
        if self.chroma == "half":
            chroma = F.avg_pool2d(chroma, 2)
        luma = self._code(luma, self._steps(LUMA_TABLE, params["quality"]))
        chroma = self._code(chroma, self._steps(CHROMA_TABLE, params["quality"]))
        if self.chroma == "half":
            mode = "nearest" if self.published else "bilinear"
            chroma = F.interpolate(chroma, luma.shape[-2:], mode=mode)
        decoded = torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycc), torch.cat((luma + 128, chroma), 1))
        return self._level(decoded[..., :height, :width]).clamp(0, 255) / 127.5 - 1

    def _code(self, plane: Tensor, steps: Tensor) -> Tensor:
        """A plane (N, C, H, W) through the quantised cosine transform of its 8x8 blocks."""
        n, c, h, w = plane.shape
        blocks = plane.reshape(n, c, h // 8, 8, w // 8, 8).transpose(3, 4)
        basis, steps = cosines().to(plane), steps.to(plane)
        quantised = self._round(basis @ blocks @ basis.T / steps)
        return (basis.T @ (quantised * steps) @ basis).transpose(3, 4).reshape(n, c, h, w)

    def _steps(self, text: str, quality: float) -> Tensor:
        if not self.published:
            return table(text, int(quality))
        steps = standard(text) * ((5000 / quality if quality < 50 else 200 - 2 * quality) / 100)
        return steps.mT if text is LUMA_TABLE else steps

    def _level(self, x: Tensor) -> Tensor:
        return x if self.published else self._round(x)

    def _round(self, x: Tensor) -> Tensor:
        whole = x.detach().round()
        return whole + (x - whole) ** 3 if self.rounding == "cubic" else x + (whole - x).detach()


def standard(text: str) -> Tensor:
    """(8, 8)."""
    return torch.tensor([int(step) for step in text.split()]).reshape(8, 8)


def table(text: str, quality: int) -> Tensor:
    """(8, 8) steps of a quality from 1 to 100, scaled and rounded as libjpeg does."""
    percent, base = 5000 // quality if quality < 50 else 200 - 2 * quality, standard(text)
    return ((base * percent + 50) // 100).clamp(1, 255).float()


def cosines() -> Tensor:
    """(8, 8): the orthonormal DCT-II, a frequency a row."""
    k = torch.arange(8.0)
    basis = torch.cos(math.pi / 8 * k[:, None] * (k[None] + 0.5)) / 2
    basis[0] /= math.sqrt(2)
    return basis
