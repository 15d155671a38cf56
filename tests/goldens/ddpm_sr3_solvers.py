"""Solvers of other libraries (diffusers, k-diffusion, DPM-Solver's authors) where ours is the same method.

Euler in sigma is DDIM with eta 0, its ancestral form DDIM with that eta, DPM-Solver++ of order 1 DDIM again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restauro.diffusion.contract import Denoiser, Sampler, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.samplers.ddim import Ddim
from restauro.diffusion.samplers.dpmpp_2m import DpmPP2M
from restauro.diffusion.schedule import NoiseSchedule
from tests.goldens.runner import Case, close, exact, handles
from tests.goldens.upstream import learned, no_noise, openai_unet, schedule, stored, toy, walked
from tests.laboratory import GaussianDenoiser

F32 = {"abs": 2e-5, "rel": 2e-5}
PREDICTS = {"epsilon": "eps", "v_prediction": "v", "sample": "clean"}
DEFAULTS: dict[str, dict[str, Any]] = {
    "DPMSolverMultistepScheduler": {
        "solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "timestep_spacing": "linspace",
        "lower_order_final": True, "euler_at_final": False, "final_sigmas_type": "zero", "use_karras_sigmas": False,
    },
    "DDIMScheduler": {
        "timestep_spacing": "leading", "clip_sample": True, "set_alpha_to_one": True, "eta": 0.0,
        "use_clipped_model_output": False,
    },
    "DDPMScheduler": {"timestep_spacing": "leading", "clip_sample": True, "variance_type": "fixed_small", "thresholding": False},
}  # fmt: skip


def _settings(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with its scheduler's defaults filled in."""
    common = {"beta_schedule": "linear", "prediction_type": "epsilon"}
    return common | DEFAULTS.get(entry["cls"], {}) | entry


def _spaced(base: NoiseSchedule, settings: dict[str, Any]) -> NoiseSchedule:
    steps, spacing = settings["steps"], settings["timestep_spacing"]
    if settings.get("use_karras_sigmas"):  # diffusers tells the network the nearest training step
        exact_steps = base.respace(f"karras:{steps}")
        return replace(exact_steps, original_index=np.round(exact_steps.original_index))
    if settings["cls"] != "DPMSolverMultistepScheduler" or spacing == "trailing":
        return base.respace(f"{spacing}:{steps}")
    T = len(base)  # the multistep solvers take one step more and leave out the cleanest
    wider = np.arange(steps + 1) * (T // (steps + 1)) if spacing == "leading" else np.round(np.linspace(0, T - 1, steps + 1))
    return base.respace(list(wider[1:]))


def _run(denoiser: Denoiser, sampler: Sampler, start: Tensor, noise: Any = no_noise) -> tuple[Tensor, Tensor]:
    """The state after the second step, and the last one."""
    steps = walked(sampler.steps(denoiser, start, Unguided(), noise))
    return steps[1].x if len(steps) > 1 else steps[0].x, steps[-1].x


def _until(denoiser: Denoiser, sampler: Sampler, start: Tensor) -> Tensor:
    """The state at the schedule's index 0, that is before the step to sigma 0."""
    return walked(sampler.steps(denoiser, start, Unguided(), no_noise))[-2].x


def _diffusers(
    case: Case, key: str, settings: dict[str, Any], base: NoiseSchedule, network: Any, tolerance: dict[str, float]
) -> None:
    ours = _spaced(base, settings)
    exact(ours.original_index[::-1], case[f"{key}__timesteps"], key)
    start = case.tensor("x_T")
    shape = (start.shape[1], start.shape[2], start.shape[3])
    predicts = PREDICTS[settings["prediction_type"]]
    denoiser = NetworkDenoiser(
        network, ours, shape, predicts, settings.get("variance_type", "fixed_small"), settings.get("clip_sample", False)  # type: ignore[arg-type]
    )  # fmt: skip
    noise = stored(case.tensor("noise"), -1) if "noise" in case else no_noise
    if settings["cls"] == "DDPMScheduler":
        _, final = _run(denoiser, Ancestral(), start, noise)
    elif settings["cls"] == "DDIMScheduler" or settings["solver_order"] == 1:
        sampler = Ddim(eta=settings.get("eta", 0.0))
        _, final = _run(denoiser, sampler, start, noise)
        if not settings.get("set_alpha_to_one", True) or settings.get("final_sigmas_type") == "sigma_min":
            lower = base.respace(np.union1d([0], ours.original_index).tolist())
            final = _until(denoiser.on(lower), sampler, start)
    else:
        ends = float(base.sigma(0)) if settings["final_sigmas_type"] == "sigma_min" else 0.0
        arrived = ends >= float(ours.sigma(0)) * (1 - 1e-6)  # a Karras grid already goes down there: its last step is empty
        after_two, final = _run(denoiser, DpmPP2M(final_sigma=0.0 if arrived else ends), start)
        final = _until(denoiser, DpmPP2M(), start) if arrived else final
        close(after_two, case[f"{key}__x1"], what=f"{key}__x1", **tolerance) if f"{key}__x1" in case else None
        if f"{key}__sigmas" in case:
            close(
                np.append(ours.sigma(np.arange(len(ours)))[::-1], ends), case[f"{key}__sigmas"], rel=2e-4, what=key
            )  # 1 - a in float32
    close(final, case[key], what=key, **tolerance)


@handles("ddpm_sr3", "diffusers_solvers_gaussian")
def diffusers_solvers_gaussian(case: Case) -> None:
    for key, entry in case.config["cases"].items():
        settings = _settings(entry)
        if case.offered(key, settings):
            base = schedule(case.config["beta_schedule"], case.config["T"], "diffusers")
            _diffusers(case, key, settings, base, _gaussian_network(case, base, settings["prediction_type"]), F32)


def _gaussian_network(case: Case, base: NoiseSchedule, predicts: str) -> Callable[[Tensor, Tensor], Tensor]:
    mu, s = (case.tensor(name).float() for name in ("mu", "s"))

    def network(x: Tensor, t: Tensor) -> Tensor:
        index = t.round().long()
        a = base.gather(base.alphas_cumprod, index, x)
        clean = mu + a.sqrt() * s**2 / (a * s**2 + 1 - a) * (x - a.sqrt() * mu)
        eps = base.noise_from_clean(x, index, clean)
        return {"epsilon": eps, "sample": clean, "v_prediction": base.v_target(clean, index, eps)}[predicts]

    return network


@handles("ddpm_sr3", "diffusers_solvers_unet")
def diffusers_solvers_unet(case: Case) -> None:
    names = {"dpmpp_2m": "DPMSolverMultistepScheduler", "unipc": "UniPCMultistepScheduler", "ddim": "DDIMScheduler"}
    network = openai_unet(case.config["ctor"])
    for key in case.arrays:
        if f"{key}__timesteps" in case:
            cls = next(cls for prefix, cls in names.items() if key.startswith(prefix))
            settings = _settings({"cls": cls, "steps": case.config["steps"]})
            if case.offered(key, settings):
                _diffusers(
                    case, key, settings, schedule(case.config["schedule"], 1000, "diffusers"), network, {"abs": 1e-4, "rel": 2e-5}
                )


@handles("ddpm_sr3", "diffusers_ddpm_ddim")
def diffusers_ddpm_ddim(case: Case) -> None:
    for key, entry in case.config["cases"].items():
        settings = _settings({"steps": case.config["steps"]} | entry)
        if case.offered(key, settings):
            base = schedule(settings["beta_schedule"], case.config["T"], "diffusers")
            network = toy(case.config["toy"], settings.get("variance_type", "").startswith("learned"))
            _diffusers(case, key, settings, base, network, F32 if settings["clip_sample"] else {"abs": 2e-5, "rel": 1e-3})


def _gaussian(case: Case, ours: NoiseSchedule) -> GaussianDenoiser:
    shape = case["x_T"].shape[1:]
    mean, deviation = (torch.from_numpy(np.broadcast_to(case[name][0], shape).copy()) for name in ("mu", "s"))
    return GaussianDenoiser(ours, mean, torch.eye(mean.numel(), dtype=torch.float64), deviation.flatten() ** 2)


def _between(sigma_min: float, sigma_max: float) -> NoiseSchedule:
    """A schedule of its two ends, to be respaced."""
    return NoiseSchedule.from_alphas_cumprod([1 / (1 + sigma_min**2), 1 / (1 + sigma_max**2)])


def _k_sampler(name: str) -> Sampler:
    if name in ("euler", "euler_ancestral") or name.startswith("euler_ancestral_eta"):
        eta = float(name.partition("_eta")[2] or (1.0 if "ancestral" in name else 0.0))
        return Ddim(eta=eta)
    assert name in ("dpmpp_2m", "dpmpp_2m_sde_eta0"), name
    return DpmPP2M()


K_GRIDS = {"karras": "karras", "exponential": "logsnr"}


@handles("ddpm_sr3", "k_samplers_gaussian")
def k_samplers_gaussian(case: Case) -> None:
    config = case.config
    noise = stored(case.tensor("noise"), -1)
    for grid, rule in K_GRIDS.items():
        ours = _between(config["sigma_min"], config["sigma_max"]).respace(f"{rule}:{config['n']}")
        close(np.append(ours.sigma(np.arange(len(ours)))[::-1], 0), case[f"sigmas_{grid}"], rel=1e-9, what=grid)
        denoiser = _gaussian(case, ours)
        start = case.tensor("x_T") * ours.sqrt_alphas_cumprod[-1]
        close(denoiser.exact(start), case[f"exact_{grid}"], rel=1e-9)
        for name in case.arrays:
            kind, _, on = name.partition("__")
            if on == grid and case.offered(name):
                _, final = _run(denoiser, _k_sampler(kind), start, noise)
                close(final, case[name], rel=1e-9, what=name)


@handles("ddpm_sr3", "k_samplers_convergence")
def k_samplers_convergence(case: Case) -> None:
    """The data of `k_samplers_gaussian`, which lies beside it."""
    data = Case(case.path.with_name("k_samplers_gaussian.npz"))
    for i, steps in enumerate(case.config["steps"]):
        ours = _between(data.config["sigma_min"], data.config["sigma_max"]).respace(f"karras:{steps}")
        denoiser = _gaussian(data, ours)
        start = data.tensor("x_T") * ours.sqrt_alphas_cumprod[-1]
        for name in case.arrays:
            if case.offered(name):
                _, final = _run(denoiser, _k_sampler(name), start)
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
            _, final = _run(network.on(ours), _k_sampler(name.removeprefix("unet_")), start)
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
        match = re.fullmatch(r"dpmsolver(?:pp)?_multistep_o(\d)_(\w+)", name)
        if match is None or not case.offered(name):
            continue
        times = case[f"ts_{match[2]}"].astype(np.float64)[::-1]
        ours = NoiseSchedule.from_alphas_cumprod(np.exp(np.interp(times, at, np.log(base.alphas_cumprod))))
        sampler = Ddim() if match[1] == "1" else DpmPP2M()
        close(_until(_gaussian(case, ours), sampler, case.tensor("x_T")), case[name], rel=2e-5, abs=2e-5, what=name)
