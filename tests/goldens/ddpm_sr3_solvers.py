"""Solvers of k-diffusion and of DPM-Solver's authors where ours is the same method."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restauro.diffusion.contract import Denoiser, Sampler, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.samplers.dpm_singlestep import DpmSinglestep
from restauro.diffusion.samplers.dpmpp_2m import DpmPP2M
from restauro.diffusion.samplers.dpmpp_2m_sde import DpmPP2MSde
from restauro.diffusion.samplers.dpmpp_sde import DpmPPSde
from restauro.diffusion.samplers.euler import Euler
from restauro.diffusion.samplers.euler_ancestral import EulerAncestral
from restauro.diffusion.samplers.heun import Heun
from restauro.diffusion.samplers.lms import Lms
from restauro.diffusion.schedule import NoiseSchedule
from tests.goldens.runner import Case, close, exact, handles
from tests.goldens.upstream import between, in_turn, learned, no_noise, openai_unet, schedule, stored, toy, walked
from tests.laboratory import GaussianDenoiser


def _gaussian(case: Case, ours: NoiseSchedule) -> GaussianDenoiser:
    shape = case["x_T"].shape[1:]
    mean, deviation = (torch.from_numpy(np.broadcast_to(case[name][0], shape).copy()) for name in ("mu", "s"))
    return GaussianDenoiser(ours, mean, torch.eye(mean.numel(), dtype=torch.float64), deviation.flatten() ** 2)


def _final(denoiser: Denoiser, sampler: Sampler, start: Tensor, noise: Any = no_noise, left_out: int = 0) -> Tensor:
    """The last state, or with one step left out that at the schedule's index 0."""
    return walked(sampler.steps(denoiser, start, Unguided(), noise))[-1 - left_out].x


def _k_sampler(name: str, config: dict[str, Any]) -> Sampler:
    """Ours, from a sampler's name and the file's churn."""
    kind, _, eta = name.partition("_eta")
    kind, churned = kind.removesuffix("_churn"), kind.endswith("_churn")
    names = {"churn": "s_churn", "churn_above": "s_tmin", "churn_below": "s_tmax", "churn_noise": "s_noise"}
    churn = {ours: config[theirs] for ours, theirs in names.items()} if churned else {}
    noisy = {"eta": float(eta)} if eta else {}
    match kind:
        case "euler":
            return Euler(**churn)
        case "heun":
            return Heun(**churn)
        case "dpm_2":
            return Heun(look="middle", **churn)
        case "euler_ancestral":
            return EulerAncestral(**noisy)
        case "dpmpp_2s_ancestral":
            return DpmSinglestep(**noisy)
        case "dpmpp_sde":
            return DpmPPSde(**noisy)
        case "lms4":
            return Lms(order=4, ease="never")
        case "dpmpp_2m":
            return DpmPP2M()
        case "dpmpp_2m_sde" | "dpmpp_2m_sde_midpoint" | "dpmpp_2m_sde_heun":
            return DpmPP2MSde(solver="heun" if kind.endswith("heun") else "midpoint", ease="never", **noisy)
        case "dpmpp_3m_sde":
            return DpmPP2MSde(order=3, solver="heun", ease="never", **noisy)
    raise AssertionError(f"a sampler nobody knows: {name}")


K_GRIDS = {"karras": "karras", "exponential": "logsnr"}


@handles("ddpm_sr3", "k_samplers_gaussian")
def k_samplers_gaussian(case: Case) -> None:
    config = case.config
    draws = case.tensor("noise")
    for grid, rule in K_GRIDS.items():
        # churn may rise above the start
        ours = between(config["sigma_min"], 2 * config["sigma_max"]).respace(f"{rule}:{config['n']}@{config['sigma_max']!r}")
        close(np.append(ours.sigma(np.arange(len(ours)))[::-1], 0), case[f"sigmas_{grid}"], rel=1e-9, what=grid)
        denoiser = _gaussian(case, ours)
        start = case.tensor("x_T") * ours.sqrt_alphas_cumprod[-1]
        close(denoiser.exact(start), case[f"exact_{grid}"], rel=1e-9)
        for name in case.arrays:
            kind, _, on = name.partition("__")
            if on == grid and case.offered(name):
                sampler = _k_sampler(kind, config)
                if name in config["calls"]:
                    exact(sampler.calls(config["n"]), config["calls"][name], f"{name}: calls")
                noise = in_turn(draws, 2) if isinstance(sampler, DpmPPSde) else stored(draws, -1)
                final = _final(denoiser, sampler, start, noise)
                close(final, case[name], rel=1e-9, what=name)


@handles("ddpm_sr3", "k_samplers_convergence")
def k_samplers_convergence(case: Case) -> None:
    """The data of `k_samplers_gaussian`, which lies beside it."""
    data = Case(case.path.with_name("k_samplers_gaussian.npz"))
    for i, steps in enumerate(case.config["steps"]):
        ours = between(data.config["sigma_min"], data.config["sigma_max"]).respace(f"karras:{steps}")
        denoiser = _gaussian(data, ours)
        start = data.tensor("x_T") * ours.sqrt_alphas_cumprod[-1]
        for name in case.arrays:
            if case.offered(name):
                final = _final(denoiser, _k_sampler(name, data.config), start)
                close((final - denoiser.exact(start)).abs().max(), case[name][i], rel=1e-6, what=f"{name} {steps}")


@handles("ddpm_sr3", "k_discrete_schedule")
def k_discrete_schedule(case: Case) -> None:
    base = schedule(case.config["schedule"], case.config["T"])
    loose = {"rel": 2e-4, "abs": 2e-4}
    close(base.alphas_cumprod[:: len(base) // len(case["alphas_cumprod"])], case["alphas_cumprod"], rel=1e-12)
    close(base.t_of_sigma(case["sigma_q"]), case["t_cont"], **loose)
    close(base.sigma(case["t_q"]), case["sigma_of_t"], **loose)
    for name in case.arrays:
        if match := re.fullmatch(r"get_sigmas_(\d+)", name):
            close(np.append(base.sigma(np.linspace(len(base) - 1, 0, int(match[1]))), 0), case[name], **loose)
    arguments = case.config["unet_ctor"]
    shape = tuple(case["x8"].shape[1:])
    variance = "learned_range" if learned(arguments) else "fixed_large"
    network = NetworkDenoiser(openai_unet(arguments), base, shape, "eps", variance, False)  # type: ignore[arg-type]
    ours = base.respace(base.t_of_sigma(case["unet_sigmas"][:-1]).tolist())
    start = case.tensor("unet_x_T") * float(ours.sqrt_alphas_cumprod[-1])
    for name in case.arrays:
        if name.startswith("unet_") and name not in ("unet_sigmas", "unet_x_T") and case.offered(name):
            final = _final(network.on(ours), _k_sampler(name.removeprefix("unet_"), {}), start)
            close(final, case[name], what=name, **loose)
    toy_v = toy(case.config["v_model"], False)
    for prefix, denoiser in (("", network), ("v_", replace(network, network=toy_v, predicts="v", variance="fixed_small"))):
        for name in case.arrays:
            if match := re.fullmatch(prefix + r"denoised_at_([\d.]+)", name):
                at = base.respace([float(base.t_of_sigma(float(match[1])))])
                x = case.tensor("x8") * float(match[1]) * float(at.sqrt_alphas_cumprod[0])  # noise of that level
                with torch.no_grad():
                    close(denoiser.on(at)(x, 0).clean, case[name], what=name, **loose)


@handles("ddpm_sr3", "dpm_solver_authors")
def dpm_solver_authors(case: Case) -> None:
    """Continuous time: log alpha is linear between the steps t = (i + 1) / T; the grids are stored. Upstream's table of
    log alpha is float32, 2e-7 off at its noisy end."""
    config = case.config
    base = schedule("linear", config["T"])
    at = np.arange(1, len(base) + 1) / len(base)
    for name in case.arrays:
        match = re.fullmatch(r"dpmsolver(pp)?_multistep_o(\d)_(\w+)", name)
        if match is None or not case.offered(name):
            continue
        times = case[f"ts_{match[3]}"].astype(np.float64)[::-1]
        ours = NoiseSchedule.from_alphas_cumprod(np.exp(np.interp(times, at, np.log(base.alphas_cumprod))))
        sampler = (
            Euler() if match[2] == "1" else DpmPP2M(order=int(match[2]), form="clean" if match[1] else "noise", ease="never")
        )
        close(_final(_gaussian(case, ours), sampler, case.tensor("x_T"), left_out=1), case[name], rel=2e-5, abs=2e-5, what=name)
