"""Noise schedules by the name of their origin: how beta grows over the steps.

The same rule goes by several names, and one name by several rules: latent-diffusion's "linear" is Ho's "quad" and
diffusers' "scaled_linear". Hence names with their origin: "ho-quad" and "sd-scaled-linear" are one rule with
different ends; "ho-linear" keeps its ends at any T, "openai-linear" multiplies them by 1000 / T.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restauro.core.errors import RecipeError
from restauro.core.knobs import suggest

Betas = NDArray[np.float64]


def linear(T: int, start: float, end: float) -> Betas:
    return np.linspace(start, end, T)


def rescaled_linear(T: int, start: float, end: float) -> Betas:
    return linear(T, start * 1000 / T, end * 1000 / T)


def quadratic(T: int, start: float, end: float) -> Betas:
    return np.linspace(math.sqrt(start), math.sqrt(end), T) ** 2


def root(T: int, start: float, end: float) -> Betas:
    return np.sqrt(linear(T, start, end))


def constant(T: int, start: float, end: float) -> Betas:
    return np.full(T, end)


def warm_up(share: float) -> Callable[[int, float, float], Betas]:
    def rule(T: int, start: float, end: float) -> Betas:
        betas, warm = np.full(T, end), int(T * share)
        betas[:warm] = np.linspace(start, end, warm)
        return betas

    return rule


def jensen_shannon(T: int, start: float, end: float) -> Betas:
    """1/T, 1/(T-1), ..., 1: nothing of the picture is left at the end, so only clean-type formulas can be used."""
    return 1.0 / np.linspace(T, 1, T)


def sigmoid(T: int, start: float, end: float) -> Betas:
    return start + (end - start) / (1 + np.exp(-np.linspace(-6, 6, T)))


def falling(alpha_bar: Callable[[float], float]) -> Callable[[int, float, float], Betas]:
    """The betas whose alpha-bar falls like a function of u = t / T (Nichol and Dhariwal, section 3.2), at most 0.999."""

    def rule(T: int, start: float, end: float) -> Betas:
        # math, not numpy: the difference of two nearly equal cosines keeps their last bits
        return np.array([min(1 - alpha_bar((i + 1) / T) / alpha_bar(i / T), 0.999) for i in range(T)])

    return rule


def zero_terminal(betas: Betas) -> Betas:
    """The same schedule with sqrt(alpha-bar) shifted and stretched: as before at the first step, 0 at the last, so that nothing
    of the picture is left where sampling starts from noise alone (Lin et al. 2024, algorithm 1)."""
    level = np.sqrt(np.cumprod(1 - betas))
    left = ((level - level[-1]) * level[0] / (level[0] - level[-1])) ** 2
    return np.append(1 - left[0], 1 - left[1:] / left[:-1])


def _cosine(u: float) -> float:
    return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2


class Kind(NamedTuple):
    """A rule with its customary number of steps and ends; ends None: the rule has none."""

    rule: Callable[[int, float, float], Betas]
    T: int = 1000
    start: float | None = 1e-4
    end: float | None = 0.02


KINDS: dict[str, Kind] = {
    "ho-linear": Kind(linear),
    "ho-quad": Kind(quadratic),
    "ho-warmup10": Kind(warm_up(0.1)),
    "ho-warmup50": Kind(warm_up(0.5)),
    "ho-const": Kind(constant),
    "ho-jsd": Kind(jensen_shannon, start=None, end=None),
    "openai-linear": Kind(rescaled_linear),
    "sr3-linear": Kind(linear, 2000, 1e-6, 1e-2),
    "sd-scaled-linear": Kind(quadratic, 1000, 0.00085, 0.012),
    "sd-zero-snr": Kind(lambda T, start, end: zero_terminal(quadratic(T, 0.00085, 0.012)), start=None, end=None),
    "ldm-sqrt-linear": Kind(linear),
    "ldm-sqrt": Kind(root),
    "sigmoid": Kind(sigmoid),
    "cosine": Kind(falling(_cosine), start=None, end=None),
    "sqrt-as-alpha-bar": Kind(falling(lambda u: 1 - math.sqrt(u + 1e-4)), start=None, end=None),
}


def betas_of(name: str, T: int | None = None, start: float | None = None, end: float | None = None) -> Betas:
    """The betas (T,) of a named kind; what is None takes the kind's customary value.

    Raises RecipeError for an unknown kind, for ends where the kind has none, and for a beta outside (0, 1].
    """
    if name not in KINDS:
        raise RecipeError(f"unknown noise schedule {name!r}{suggest(name, KINDS)}")
    kind = KINDS[name]
    if kind.start is None and (start is not None or end is not None):
        raise RecipeError(f"the noise schedule {name!r} has no start and end")
    steps = kind.T if T is None else T
    if steps < 1:
        raise RecipeError(f"the noise schedule {name!r} needs at least one step, not {steps}")
    low, high = (kind.start if start is None else start) or 0.0, (kind.end if end is None else end) or 0.0
    betas = kind.rule(steps, low, high)
    if not (betas > 0).all() or not (betas <= 1).all():
        raise RecipeError(
            f"{name!r} with {steps} steps from {low:g} to {high:g}: beta leaves (0, 1]; take more steps or a lower end"
        )
    return betas
