"""The samplers of DiffBIR's releases: ours, on the noise levels that the releases give them. For `faithful`.

Where they go wrong is where they are sent, not how they step: "ddim" never visits the last timestep, makes another number of
steps than was asked for, and ends at the first timestep's noise, as "dpm" does; "dpm" under zero terminal SNR tells the network
times that are not those of its noise levels; "edm" starts at sigma 10,000 whatever the prior was trained to, and tells the
network of a level between two steps the step that is nearest in sigma. Ours needs none of this: any sampler on
"trailing:N", from `NoiseSchedule.q_sample` of the restored latents at the schedule's last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import build, suggest
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Guidance, Sampler, Step
from restauro.diffusion.samplers._multistep import Form
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.samplers.ddim import Ddim
from restauro.diffusion.samplers.dpm_singlestep import DpmSinglestep
from restauro.diffusion.samplers.dpmpp_2m import DpmPP2M
from restauro.diffusion.samplers.dpmpp_2m_sde import DpmPP2MSde
from restauro.diffusion.samplers.dpmpp_sde import DpmPPSde
from restauro.diffusion.samplers.euler import Euler
from restauro.diffusion.samplers.euler_ancestral import EulerAncestral
from restauro.diffusion.samplers.heun import Heun
from restauro.diffusion.samplers.lms import Lms
from restauro.diffusion.schedule import NoiseSchedule, Table, Time

EDM_START = 1e4
"""Sigma."""
DPM_LEAST = -5.1
"""Of lambda = log(sqrt(a) / sqrt(1 - a)): noisier timesteps are left out."""


class SingleSteps(DpmSinglestep, frozen=True, kw_only=True):
    """With noise levels in float32, of which a step down from sigma 10,000 leaves one digit: its look is percents off."""

    def split(self, sigma: float, below: float) -> tuple[float, float]:
        start, end = np.float32(sigma) ** 2, np.float32(below) ** 2
        up = min(np.float32(below), np.float32(self.eta) * np.sqrt(end * (start - end) / start))
        return float(np.sqrt(end - up**2)), float(up)


CHURN: dict[str, Any] = {"churn": 0.0, "churn_above": 0.0, "churn_below": 300.0, "churn_noise": 1.0}
EDM: dict[str, Callable[..., Sampler]] = {
    "euler": partial(Euler, **CHURN),
    "euler_a": EulerAncestral,
    "heun": partial(Heun, **CHURN),
    "dpm_2": partial(Heun, look="middle", **CHURN),
    "dpm_2_a": partial(SingleSteps, form="noise", eta=1.0),
    "lms": partial(Lms, order=1, ease="never"),
    "dpm++_2s_a": partial(SingleSteps, eta=1.0),
    "dpm++_sde": DpmPPSde,
    "dpm++_2m": partial(DpmPP2M, ease="never"),
    "dpm++_2m_sde": partial(DpmPP2MSde, ease="never"),
    "dpm++_3m_sde": partial(DpmPP2MSde, order=3, solver="heun", ease="never"),
}
DPM = [f"{solver}_{kind}{order}" for solver in ("dpm", "dpm++") for kind in "sm" for order in (1, 2, 3)]
NAMES = ("spaced", "ddim", *DPM, *(f"edm_{name}" for name in EDM))


@dataclass(frozen=True)
class Walk:
    """A sampler on the noise levels it is sent to. `short`: the last of them is where it ends."""

    schedule: NoiseSchedule
    sampler: Sampler
    short: bool = False

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        """As a sampler's. `denoiser`: on any schedule; `start`: (N, C, H, W), its variance 1, as `q_sample` makes it."""
        total = len(self.schedule) - self.short
        for step in islice(self.sampler.steps(denoiser.on(self.schedule), start, guidance, noise), total):
            yield replace(step, total=total)


def published(name: str, schedule: NoiseSchedule, steps: int, **knobs: Any) -> Walk:
    """By the releases' name (NAMES), on a prior's own schedule, in so many steps; "ddim" may make others.

    knobs: the sampler's own, where the releases let them be set (churn, eta, order), as values or as text. Their "ddim" has eta
    0 whatever is asked for. Raises RecipeError for another name or knob and where the release would break.
    """
    if name not in NAMES:
        raise RecipeError(f"DiffBIR's releases have no sampler {name!r}{suggest(name, NAMES)}")
    if name == "spaced":
        return Walk(schedule.respace(str(steps)), _sampler(name, Ancestral, knobs))
    if name == "ddim":
        return Walk(ddim_levels(schedule, steps), _sampler(name, Ddim, knobs), short=True)
    if name.startswith("edm_"):
        return Walk(edm_levels(schedule, steps), _sampler(name, EDM[name.removeprefix("edm_")], knobs))
    if knobs:
        raise RecipeError(f"the releases' {name} has no {next(iter(knobs))} to set")
    return _dpm(name, schedule, steps)


def _sampler(name: str, kind: Any, knobs: Mapping[str, Any]) -> Sampler:
    """Of a class, or of one with settings of the releases."""
    usual = kind.keywords if isinstance(kind, partial) else {}
    found: Sampler = build(kind.func if usual else kind, {**usual, **knobs}, name=name, lax=True)
    return found


def ddim_levels(schedule: NoiseSchedule, steps: int) -> NoiseSchedule:
    """One after the multiples of T // steps, and 0, where the walk ends."""
    T = len(schedule)
    visited = np.arange(1, T + 1, T // steps) if 0 < steps <= T else np.array([T])
    if visited[-1] >= T:
        raise RecipeError(f"the release's ddim cannot make {steps} steps: it would visit timestep {visited[-1]} of {T}")
    return schedule.respace([0.0, *visited.tolist()])


@dataclass(frozen=True, eq=False)
class EdmLevels(NoiseSchedule):
    """Between two steps the network is told the one whose sigma is nearest; below the first, timestep 0 has sigma 0."""

    def told(self, t: Time) -> Table:
        if isinstance(t, Tensor) or t == int(t):
            return super().told(t)
        places = np.append(0.0, self.sigma(np.arange(len(self))))
        return np.asarray(np.append(0.0, self.original_index)[np.abs(places - self.sigma(t)).argmin()])


def edm_levels(schedule: NoiseSchedule, steps: int) -> EdmLevels:
    """Timesteps evenly from the last, rounded down, without 0; the first of them at sigma 10,000."""
    visited = np.linspace(len(schedule) - 1, 0, steps, endpoint=False).astype(int)[::-1]
    kept = schedule.respace(visited.tolist())
    left = np.append(kept.alphas_cumprod[:-1], 1 / (1 + EDM_START**2))
    plain = NoiseSchedule.from_alphas_cumprod(left)
    return EdmLevels(f"{schedule.name}, edm {steps}", plain.betas, left, kept.original_index, kept.original_steps)


def dpm_timesteps(schedule: NoiseSchedule) -> int:
    """So many, from the cleanest, are not left out."""
    return int((0.5 * schedule.log_snr(np.arange(len(schedule))) >= DPM_LEAST).sum())


def dpm_levels(schedule: NoiseSchedule, steps: int) -> NoiseSchedule:
    """(steps + 1) levels, evenly in continuous time from the first timestep to the last that is not left out.

    Between timesteps log alpha is linear. The network is told as if none had been left out. Time is float32, as published.
    """
    kept = dpm_timesteps(schedule)
    times = torch.linspace(1, 1 / kept, steps + 1).flip(0)
    places = (times.double().numpy() * kept - 1).clip(0)
    log_a = np.interp(places, np.arange(kept), np.log(schedule.alphas_cumprod[:kept]))
    levels = NoiseSchedule.from_alphas_cumprod(np.exp(log_a), f"{schedule.name}, dpm {steps}")
    told = ((times - 1 / kept) * schedule.original_steps).double().numpy()
    return replace(levels, original_index=told, original_steps=schedule.original_steps)


class GroupedSteps(DpmSinglestep, frozen=True, kw_only=True):
    """Whose further calls are at the levels between those that it visits, not even in log sigma.

    visited: positions on `levels` that are the steps' own, ascending.
    """

    visited: tuple[int, ...] = ()
    sigmas: tuple[float, ...] = ()

    def looks(self, schedule: NoiseSchedule, t: int, down: float) -> list[float]:
        between = range(self.visited[t] - 1, self.visited[t - 1], -1)
        return [float(schedule.t_of_sigma(self.sigmas[at])) for at in between]


def _dpm(name: str, schedule: NoiseSchedule, steps: int) -> Walk:
    """Multistep solvers fall to first order at the end only in walks under ten steps."""
    levels, order = dpm_levels(schedule, steps), int(name[-1])
    form: Form = "clean" if name.startswith("dpm++") else "noise"
    if order == 1:
        return Walk(levels, Ddim(), short=True)
    if name[-2] == "m":
        end, above = float(levels.sigma(0)), levels.respace(list(range(1, steps + 1)))
        return Walk(above, DpmPP2M(order=order, form=form, ease="always" if steps < 10 else "never", final_sigma=end))
    visited = tuple(np.cumsum([0, *reversed(_groups(steps, order))]).tolist())
    sigmas = tuple(levels.sigma(np.arange(steps + 1)).tolist())
    sampler = GroupedSteps(order=order, form=form, visited=visited, sigmas=sigmas)
    return Walk(levels.respace(list(visited)), sampler, short=True)


def _groups(calls: int, order: int) -> list[int]:
    """Calls of each step (Lu et al. 2022, section 3.4): the last is of lower order; of two, where that does not divide them."""
    whole, rest = divmod(calls, order)
    if order == 3 and not rest:
        return [3] * (whole - 1) + [2, 1]
    return [order] * whole + [rest] * (rest > 0)
