"""The contract of a degradation: everything random is in its parameters, so the same parameters give the same picture."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed

Params = dict[str, Any]

REFERENCE_SIDE = 512
"""Lengths in knobs are pixels of a 512-px picture; `apply` scales them with the picture (facts of the field's chains)."""


class Degradation(Knobbed, frozen=True, kw_only=True):
    """One forward model of damage. Pictures are (N, 3, H, W) in [-1, 1]; all N get the same damage.

    Knobs named `low` and `high` are the ends of a range that is drawn from.
    """

    differentiable: ClassVar[bool] = True
    """Whether gradients pass through `apply`, so that it can stand inside a loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = getattr(self, "low", None), getattr(self, "high", None)
        if low is not None and high is not None and low > high:
            raise RecipeError(f"{type(self).__name__}: low={low:g} is above high={high:g}")

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw everything random: plain numbers, ready for JSON."""
        raise NotImplementedError

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        raise NotImplementedError

    def link(self, picture: Tensor, params: Params, clean: Tensor) -> Tensor:
        """`apply` as one link of a chain: `picture` is what came of `clean` so far, and its size may change."""
        return self.apply(picture, params)

    def target(self, picture: Tensor, params: Params) -> Tensor:
        """What a restorer of this damage is asked for."""
        return picture

    def mask(self, picture: Tensor, params: Params) -> Tensor | None:
        """(1, 1, H, W), 1 where nothing of the picture is left; None where this damage destroys no pixels."""
        return None

    def strike(self, picture: Tensor, params: Params, clean: Tensor) -> tuple[Tensor, Tensor | None]:
        """`link`, and the mask at the size of `clean`; at once where both come of the same work, or the picture decides."""
        return self.link(picture, params, clean), self.mask(clean, params)


class Measured(Degradation, frozen=True, kw_only=True):
    """Damage with a length."""

    follow: Annotated[bool, Knob("lengths follow the picture's side; no: they are its own pixels")] = True

    def scale(self, picture: Tensor) -> float:
        """Pixels of this picture per unit of a length in knobs."""
        return length_scale(picture) if self.follow else 1.0


def length_scale(picture: Tensor) -> float:
    """Pixels of this picture per pixel of the 512-px reference."""
    return max(picture.shape[-2:]) / REFERENCE_SIDE


def filter2d(picture: Tensor, kernel: Tensor) -> Tensor:
    """Correlate every channel with one odd kernel (k, k), borders reflected."""
    weight = kernel.to(picture)[None, None].expand(picture.shape[1], 1, -1, -1)
    return F.conv2d(_padded(picture, kernel.shape[-1] // 2), weight, groups=picture.shape[1])


def fast_filter2d(picture: Tensor, kernel: Tensor) -> Tensor:
    """The same within rounding; wide kernels through the Fourier transform, which is ten times faster at 512 px."""
    wide = kernel.shape[-1] - 1
    if wide < 20:
        return filter2d(picture, kernel)
    padded = _padded(picture, wide // 2)
    size = padded.shape[-2:]
    product = torch.fft.rfft2(padded) * torch.fft.rfft2(kernel.to(picture).flip(0, 1), size)
    return torch.fft.irfft2(product, size)[..., wide:, wide:]


def _padded(picture: Tensor, radius: int) -> Tensor:
    # reflection needs radius < side; tiny pictures fall back to repeating the edge
    return F.pad(picture, (radius,) * 4, mode="reflect" if radius < min(picture.shape[-2:]) else "replicate")


def seed_of(rng: np.random.Generator) -> int:
    """A seed for the part of the damage that is a whole field (noise, strokes)."""
    return int(rng.integers(2**31))


def field(seed: int, *shape: int) -> Tensor:
    """Standard normal numbers of one seed."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))
