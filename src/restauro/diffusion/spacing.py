"""Which steps of a schedule a run visits: every published way to name them, and ours in sigma.

"250", "10,10,20"  so many steps in each of equal sections (OpenAI)
"ddim25", "ddpm100"  a whole stride from 0, exactly so many steps (OpenAI; PGDiff's name for it)
"leading:10", "linspace:10", "trailing:10"  diffusers' three
"logsnr:10", "karras:10"  even in log-SNR; Karras et al. 2022, equation (5), rho = 7. Between the training steps
"karras:10@0.6"  any of them below the noise level sigma = 0.6
"ho-linear:20@1e-5..0.6"  the noise levels of a new, shorter schedule of betas from 1e-5 to 0.6 (betas.py has the kinds), as for
    networks that are told the level; without ends, customary ones, enlarged until it ends as noisy as the whole
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from restauro.core.errors import RecipeError
from restauro.diffusion.betas import KINDS, betas_of

if TYPE_CHECKING:
    from restauro.diffusion.schedule import NoiseSchedule

KARRAS_RHO = 7.0
NOISE = 1e-3
"""Of the picture's power, the most that may be left where a walk starts from noise alone (SR3)."""


def positions(schedule: NoiseSchedule, how: str) -> NDArray[np.float64]:
    """The visited positions on `schedule`, ascending; fractions lie between two of its steps. RecipeError if impossible."""
    rule, _, level = how.replace(" ", "").partition("@")
    if (new := re.fullmatch(r"([a-z\d-]+):(\d+)", rule)) and new[1] in KINDS:
        return _anew(schedule, new[1], int(new[2]), level, how)
    top = _top(schedule, level, how)
    if match := re.fullmatch(r"dd[ip]m(\d+)", rule):
        return _stride(int(top) + 1, int(match[1]), how)
    if re.fullmatch(r"\d+(,\d+)*", rule):
        return _sections(int(top) + 1, [int(part) for part in rule.split(",")], how)
    match = re.fullmatch(r"(leading|linspace|trailing|logsnr|karras):(\d+)", rule)
    if match is None or int(match[2]) < 1:
        raise RecipeError(f"{how!r} names no steps; try 'ddpm100', '50', '10,10,20', 'trailing:10' or 'karras:10'")
    return _spread(schedule, match[1], int(match[2]), top, how)


def _anew(schedule: NoiseSchedule, kind: str, count: int, ends: str, how: str) -> NDArray[np.float64]:
    """Where this schedule is as noisy as another with its own betas."""
    usual, last = KINDS[kind], float(schedule.alphas_cumprod[-1])
    if ends or usual.start is None or usual.end is None:
        left = np.cumprod(1 - betas_of(kind, count, *(_ends(ends, how) if ends else ())))
    else:
        low, high = 0.0, 1 / usual.end
        while high - low > 1e-9 * high:  # fewer steps need larger betas to end as noisy
            scale = (low + high) / 2
            left = np.cumprod(1 - betas_of(kind, count, scale * usual.start, scale * usual.end))
            low, high = (scale, high) if left[-1] > last else (low, scale)
    if left[-1] > max(NOISE, last):
        raise RecipeError(
            f"{how!r} ends with {left[-1]:.2g} of the picture still there, but starts from noise alone: raise the ends"
        )
    if (left < last).sum() > 1:
        raise RecipeError(f"{how!r} has steps that are noisier than any this prior knows: lower the ends")
    with np.errstate(divide="ignore"):
        return schedule.t_of_sigma(np.sqrt((1 - left) / left))


def _ends(words: str, how: str) -> tuple[float, float]:
    try:
        start, end = map(float, words.split(".."))
    except ValueError:
        raise RecipeError(f"{how!r}: the ends are written as in 'ho-linear:20@1e-5..0.6'") from None
    return start, end


def _top(schedule: NoiseSchedule, level: str, how: str) -> float:
    """The last position that may be visited: where sigma is `level`."""
    if not level:
        return len(schedule) - 1
    try:
        sigma = float(level)
    except ValueError:
        raise RecipeError(f"{how!r}: {level!r} is no noise level; write for example 'karras:10@0.6'") from None
    low, high = float(schedule.sigma(0)), float(schedule.sigma(len(schedule) - 1))
    if not low <= sigma <= high:
        raise RecipeError(f"{how!r}: this prior knows noise levels from {low:.3g} to {high:.3g}")
    return float(schedule.t_of_sigma(sigma))


def _stride(T: int, wanted: int, how: str) -> NDArray[np.float64]:
    possible = {len(range(0, T, stride)): stride for stride in range(T, 0, -1)}  # the smallest stride stays
    if wanted not in possible:
        near = sorted(sorted(possible, key=lambda count: abs(count - wanted))[:2])
        raise RecipeError(
            f"{how!r}: no whole stride gives {wanted} of {T} steps; "
            f"{' or '.join(map(str, near))} are possible, or '{wanted}' in sections"
        )
    return np.arange(0, T, possible[wanted], dtype=np.float64)


def _sections(T: int, counts: list[int], how: str) -> NDArray[np.float64]:
    small, longer = divmod(T, len(counts))
    kept: list[int] = []
    begin = 0
    for section, count in enumerate(counts):
        size = small + (section < longer)
        if not 1 <= count <= size:
            raise RecipeError(f"{how!r}: section {section + 1} of {len(counts)} has {size} steps, so 1 to {size} can be kept")
        stride, place = 1.0 if count == 1 else (size - 1) / (count - 1), 0.0
        for _ in range(count):  # summed, not multiplied: the published choice depends on the rounding of the sum
            kept.append(begin + round(place))
            place += stride
        begin += size
    return np.array(kept, dtype=np.float64)


def _spread(schedule: NoiseSchedule, rule: str, count: int, top: float, how: str) -> NDArray[np.float64]:
    T = int(top) + 1
    if rule in ("logsnr", "karras"):
        low, high = float(schedule.sigma(0)), float(schedule.sigma(top))
        if not np.isfinite(high):
            raise RecipeError(f"{how!r}: this schedule ends in noise alone; use 'trailing:{count}'")
        ramp = np.linspace(1, 0, count)[::-1]  # one step: the noisiest
        if rule == "logsnr":
            return schedule.t_of_sigma(np.exp(np.log(low) + ramp * (np.log(high) - np.log(low))))
        root_low, root_high = low ** (1 / KARRAS_RHO), high ** (1 / KARRAS_RHO)
        return schedule.t_of_sigma((root_low + ramp * (root_high - root_low)) ** KARRAS_RHO)
    if count > T:
        raise RecipeError(f"{how!r}: there are only {T} steps")
    if rule == "leading":
        return np.arange(count, dtype=np.float64) * (T // count)
    if rule == "linspace":
        return np.round(np.linspace(T - 1, 0, count)[::-1])
    return np.round(T - np.arange(count) * (T / count))[::-1] - 1
