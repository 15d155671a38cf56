"""DPM-Solver in single steps: second or third order by looking again inside each step, with or without noise after it."""

from __future__ import annotations

from collections.abc import Iterator
from math import expm1, isfinite, log
from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.samplers._ancestral import down_and_up
from restauro.diffusion.samplers._multistep import Form
from restauro.diffusion.schedule import NoiseSchedule
from restauro.diffusion.walk import Draw, Proposal, guided, walk


class DpmSinglestep(Sampler, frozen=True, kw_only=True):
    """y' = D + c + down d + up z, y = x / sqrt(a), d = (y - D) / sigma; down and up as in euler-ancestral.

    c = f(h) (D_i - D) / r_i, h = log(sigma / down), D_i the last look, after r_i of the step in log sigma; the looks themselves
    are made by the same formula. f = (1 - e^-h) / 2 with two calls, 1 - (1 - e^-h) / h with three (Lu et al. 2022, algorithms 1
    and 2 and those of DPM-Solver++). Form "noise": down c is added, with d in the place of D and -h of h. With two calls and
    noise, k-diffusion's dpmpp_2s_ancestral and dpm_2_ancestral. Steps from pure noise and to sigma 0 are of first order.
    """

    order: Annotated[int, Knob("calls of each step", ge=2, le=3)] = 2
    form: Annotated[Form, Knob("what is corrected: the clean estimate, or the noise (DPM-Solver without ++)")] = "clean"
    eta: Annotated[float, Knob("noise added back at each step: 0 none, 1 as much as ancestral sampling", ge=0, le=10)] = 0.0

    def calls(self, steps: int) -> int:
        return self.order * (steps - 1) + 1

    def split(self, sigma: float, below: float) -> tuple[float, float]:
        """down and up."""
        return down_and_up(sigma, below, self.eta)

    def looks(self, schedule: NoiseSchedule, t: int, down: float) -> list[float]:
        """Where the step from t to the level `down` looks again: evenly in log sigma."""
        sigma = float(schedule.sigma(t))
        return [float(schedule.t_of_sigma(sigma * (down / sigma) ** (i / self.order))) for i in range(1, self.order)]

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            sigma, below = float(schedule.sigma(t)), float(schedule.sigma(t - 1)) if t else 0.0
            down, up = self.split(sigma, below)
            clean, d = estimate.clean, schedule.noise_from_clean(x, t, estimate.clean)
            if down and isfinite(sigma):
                clean, d = self._corrected(denoiser, guidance, clean, d, t, down)
            scale = float(schedule.alphas_cumprod_prev[t]) ** 0.5
            mean = scale * (clean + down * d)
            return Proposal(mean, fixed_small(schedule, x, t), mean + scale * up * draw() if up else mean)

        return walk(denoiser, start, guidance, noise, propose)

    def _corrected(
        self, denoiser: Denoiser, guidance: Guidance, clean: Tensor, d: Tensor, t: int, down: float
    ) -> tuple[Tensor, Tensor]:
        """The clean estimate and the noise, one of the two corrected, of the step from t to the level `down`."""
        schedule, sigma = denoiser.schedule, float(denoiser.schedule.sigma(t))
        looks, whole = self.looks(schedule, t, down), log(sigma / down)
        slope: Tensor | float = 0.0

        def towards(level: float) -> tuple[Tensor, Tensor]:
            h = log(sigma / level) * (1 if self.form == "clean" else -1)
            f = -expm1(-h) / 2 if len(looks) == 1 else 1 + expm1(-h) / h
            c = f * abs(h) / whole * slope
            return (clean + c, d) if self.form == "clean" else (clean, d + c)

        for at in looks:
            level = float(schedule.sigma(at))
            bent, turned = towards(level)
            x = schedule.q_sample(bent, at, turned)
            said, moved = guided(denoiser, guidance, x, at)
            if self.form == "clean":  # without what guidance moved: a step is bent once
                turn = said.clean + (x - moved) / float(schedule.alpha_bar(at)) ** 0.5 - clean
            else:
                turn = schedule.noise_from_clean(moved, at, said.clean) - d
            slope = turn * whole / log(sigma / level)
        return towards(down)
