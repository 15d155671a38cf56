"""Sampling loops on toy and tiny networks: ancestral, DDIM, reverse DDIM, guidance, interpolation."""

from __future__ import annotations

import re

import numpy as np
import torch

from restauro.diffusion.classifier import GuidedMean, GuidedScore
from restauro.diffusion.contract import Sampler, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.interpolation import interpolate
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.samplers.ddim import Ddim, ddim_reverse
from restauro.diffusion.schedule import NoiseSchedule
from tests.goldens.runner import Case, close, exact, handles
from tests.goldens.upstream import cleans, learned, openai_unet, schedule, states, stored, toy, walked

F32 = {"abs": 2e-5, "rel": 2e-5}
NOCLIP = {"abs": 2e-5, "rel": 1e-3}


def _denoiser(case: Case, ours: NoiseSchedule, variance: str, clip: bool) -> NetworkDenoiser:
    network = toy(case.config["toy"], variance.startswith("learned"))
    rescale = case.config.get("rescale_timesteps", False)
    return NetworkDenoiser(network, ours, (3, 4, 4), "eps", variance, clip, rescale)  # type: ignore[arg-type]


@handles("ddpm_sr3", "sampling_loops_")
def sampling_loops(case: Case) -> None:
    ours = schedule(case.config["schedule"], case.config["base_T"], respacing=case.config["respacing"])
    exact(ours.original_index[::-1] if case["timesteps"][0] > case["timesteps"][-1] else ours.original_index, case["timesteps"])
    noise = stored(case.tensor("noise"), -1)
    for name in case.arrays:
        if not name.startswith(("ddpm__", "ddim_")) or name.endswith("__x0") or name == "ddim_reverse_start":
            continue
        clip = name.endswith("__clip")
        tolerance = F32 if clip else NOCLIP
        if name.startswith("ddim_reverse__"):
            steps = walked(ddim_reverse(_denoiser(case, ours, "fixed_large", clip), case.tensor("ddim_reverse_start")))
        else:
            kind, setting, _ = name.split("__")
            sampler: Sampler = Ancestral() if kind == "ddpm" else Ddim(eta=float(setting.removeprefix("eta")))
            denoiser = _denoiser(case, ours, setting if kind == "ddpm" else "fixed_large", clip)
            steps = walked(sampler.steps(denoiser, case.tensor("x_T"), Unguided(), noise))
            if isinstance(sampler, Ddim):
                tolerance = tolerance | {"abs": tolerance["abs"] + _float32_slack(ours, sampler.eta)}
        close(states(steps), case[name], what=name, **tolerance)
        if f"{name}__x0" in case:
            close(cleans(steps), case[f"{name}__x0"], what=f"{name}__x0", **tolerance)


def _float32_slack(ours: NoiseSchedule, eta: float) -> float:
    """Upstream takes 1 - a' - s^2 in float32. At a first step from a = 6e-8 with eta 1 that cancels: two units in the last
    place move the coefficient of eps far more than rounding does, and the toy network enlarges it over ten steps."""
    rest = max(1 - ours.alphas_cumprod_prev[-1] - eta**2 * ours.posterior_variance[-1], 0.0)
    return 20 * float(np.sqrt(rest + 1.2e-7) - np.sqrt(rest)) if eta else 0.0


@handles("ddpm_sr3", "sampling_guided")
def sampling_guided(case: Case) -> None:
    ours = schedule("linear", case.config["T"], respacing=str(case.config["steps"]))
    slope, centre = map(float, re.search(r"(-?[\d.]+)\*\(x-(-?[\d.]+)\)", case.config["cond_fn"]).groups())  # type: ignore[union-attr]
    told = []

    def score(x: torch.Tensor, t: float) -> torch.Tensor:
        told.append([t] * len(x))
        return slope * (x - centre)

    denoiser = _denoiser(case, ours, "fixed_large", True)
    noise, start = stored(case.tensor("noise"), -1), case.tensor("x_T")
    steps = walked(Ancestral().steps(denoiser, start, GuidedMean(score, ours), noise))
    close(steps[-1].x, case["ddpm"], what="ddpm", **F32)
    close(told, case["cond_t"], what="cond_t")
    steps = walked(Ddim().steps(denoiser, start, GuidedScore(score, ours), noise))
    close(steps[-1].x, case["ddim0"], what="ddim0", **F32)


@handles("ddpm_sr3", "sampling_unet")
def sampling_unet(case: Case) -> None:
    config = case.config
    ours = schedule(config.get("schedule", "linear"), config["T"], respacing=str(config["steps"]))
    exact(sorted(case["timesteps"]), ours.original_index)
    variance = "learned_range" if learned(config["ctor"]) else "fixed_large"
    start = case.tensor("x_T")
    shape = tuple(start.shape[1:])
    denoiser = NetworkDenoiser(openai_unet(config["ctor"]), ours, shape, "eps", variance, config["clip"])  # type: ignore[arg-type]
    for name, sampler in (("ddpm", Ancestral()), ("ddim0", Ddim())):
        steps = walked(sampler.steps(denoiser, start, Unguided(), stored(case.tensor("noise"), -1)))
        close(steps[-1].x, case[name], abs=1e-4, what=name)


@handles("ddpm_sr3", "interpolation")
def interpolation(case: Case) -> None:
    ours = NoiseSchedule.from_betas(case["betas"])
    denoiser = _denoiser(case, ours, case.config["variance"].replace("fixed", "fixed_"), case.config["clip"])
    first, second = (_nchw(case.tensor(name)) for name in ("x1", "x2"))
    for name in case.arrays:
        if not name.startswith("out_"):
            continue
        share = name.rpartition("_")[2]
        draws = case.tensor(f"noise_{share}")
        same = "samenoise" in name

        def noise(step: int, draw: int = 0, draws: torch.Tensor = draws, same: bool = same) -> torch.Tensor:
            return _nchw(draws[step + 1] if step else draws[0 if same else draw])

        steps = walked(interpolate(denoiser, Ancestral(), first, second, float(share), case.config["t"], noise))
        close(steps[-1].x.movedim(1, -1), case[name], what=name, **F32)


def _nchw(picture: torch.Tensor) -> torch.Tensor:
    return picture.movedim(-1, 1)


@handles("ddpm_sr3", "tf_loops")
def tf_loops(case: Case) -> None:
    """Ho et al.'s release; every few steps' clean estimate is kept, of each group of timesteps the last one."""
    ours, config = NoiseSchedule.from_betas(case["betas"]), case.config
    draws, every = case.tensor("noise"), config["include_xstartpred_freq"]
    for name in case.arrays:
        family, _, variance = name.rpartition("_")
        if family not in ("cifar", "celebahq"):
            continue
        kind = "fixed_small_clipped" if family == "celebahq" else variance.replace("fixed", "fixed_")
        denoiser = _denoiser(case, ours, kind, config["clip"])
        steps = walked(Ancestral().steps(denoiser, _nchw(draws[0]), Unguided(), lambda step, draw=0: _nchw(draws[step])))
        close(steps[-1].x.movedim(1, -1), case[name], what=name, **F32)
        if f"progressive_x0_{variance}" in case:
            kept = [step.clean.movedim(1, -1) for step in reversed(steps) if step.t % every == 0]
            close(torch.stack(kept, 1), case[f"progressive_x0_{variance}"], what=f"progressive {name}", **F32)
