"""Solvers of diffusers where ours is the same method: DPM-Solver of order 1 is Euler, its SDE form Euler ancestral."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from restauro.diffusion.contract import Denoiser, Sampler, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.samplers.ddim import Ddim
from restauro.diffusion.samplers.dpmpp_2m import DpmPP2M
from restauro.diffusion.samplers.dpmpp_2m_sde import DpmPP2MSde
from restauro.diffusion.samplers.euler import Euler
from restauro.diffusion.samplers.euler_ancestral import EulerAncestral
from restauro.diffusion.samplers.heun import Heun
from restauro.diffusion.samplers.unipc import UniPC
from restauro.diffusion.schedule import NoiseSchedule
from tests.goldens.runner import Case, close, handles
from tests.goldens.upstream import between, no_noise, openai_unet, schedule, stored, toy, walked

F32 = {"abs": 2e-5, "rel": 2e-5}
PREDICTS = {"epsilon": "eps", "v_prediction": "v", "sample": "clean"}
MULTISTEP = {"timestep_spacing": "linspace", "lower_order_final": True, "final_sigmas_type": "zero"}
IN_SIGMA = {"timestep_spacing": "linspace", "in_sigma": True}
DEFAULTS: dict[str, dict[str, Any]] = {
    "DPMSolverMultistepScheduler": MULTISTEP | {
        "solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "euler_at_final": False,
    },
    "UniPCMultistepScheduler": MULTISTEP | {"solver_order": 2, "solver_type": "bh2", "predict_x0": True, "disable_corrector": []},
    "HeunDiscreteScheduler": IN_SIGMA | {"beta_start": 0.00085, "beta_end": 0.012},
    "EulerDiscreteScheduler": IN_SIGMA,
    "EulerAncestralDiscreteScheduler": IN_SIGMA,
    "DDIMScheduler": {
        "timestep_spacing": "leading", "clip_sample": True, "set_alpha_to_one": True, "eta": 0.0,
        "use_clipped_model_output": False,
    },
    "DDPMScheduler": {"timestep_spacing": "leading", "clip_sample": True, "variance_type": "fixed_small", "thresholding": False},
}  # fmt: skip


def _settings(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with its scheduler's defaults filled in."""
    common = {"beta_schedule": "linear", "prediction_type": "epsilon", "final_sigmas_type": "zero", "use_karras_sigmas": False}
    settings = common | DEFAULTS.get(entry["cls"], {}) | entry
    if without := settings.get("disable_corrector"):  # upstream counts from the first corrected step
        settings["corrector"] = "off" if set(without) >= set(range(settings["steps"] - 1)) else "partly"
    return settings


def _base(settings: dict[str, Any], T: int) -> NoiseSchedule:
    """Upstream multiplies in float32, which a grid down to its first level shows."""
    exact = schedule(settings["beta_schedule"], T, "diffusers", "", settings.get("beta_start"), settings.get("beta_end"))
    return NoiseSchedule.from_alphas_cumprod(np.cumprod(1 - exact.betas.astype(np.float32), dtype=np.float32))


def _spaced(base: NoiseSchedule, settings: dict[str, Any]) -> NoiseSchedule:
    steps, spacing, T = settings["steps"], settings["timestep_spacing"], len(base)
    if settings.get("in_sigma"):
        return _spaced_in_sigma(base, settings)
    if settings["use_karras_sigmas"]:  # diffusers tells the network the nearest training step
        exact_steps = base.respace(f"karras:{steps}")
        return replace(exact_steps, original_index=np.round(exact_steps.original_index))
    if "lower_order_final" not in settings or spacing == "trailing":
        return base.respace(f"{spacing}:{steps}")
    # the multistep solvers take one step more and leave out the cleanest
    wider = np.arange(steps + 1) * (T // (steps + 1)) if spacing == "leading" else np.round(np.linspace(0, T - 1, steps + 1))
    return base.respace(list(wider[1:]))


def _spaced_in_sigma(base: NoiseSchedule, settings: dict[str, Any]) -> NoiseSchedule:
    """The solvers that diffusers has from k-diffusion: fractional timesteps, whose noise is linear in sigma between steps."""
    steps, spacing = settings["steps"], settings["timestep_spacing"]
    told = np.linspace(0, len(base) - 1, steps) if spacing == "linspace" else base.respace(f"{spacing}:{steps}").original_index
    sigma = np.interp(told, np.arange(len(base)), base.sigma(np.arange(len(base))))
    if settings["use_karras_sigmas"]:
        sigma = between(sigma[0], sigma[-1]).respace(f"karras:{steps}").sigma(np.arange(steps))
        told = base.t_of_sigma(sigma)
    return replace(base.respace(base.t_of_sigma(sigma).tolist()), original_index=told)


def _sampler(settings: dict[str, Any], final_sigma: float) -> Sampler:
    """Ours, from a scheduler's settings."""
    match settings["cls"]:
        case "DDPMScheduler":
            return Ancestral()
        case "DDIMScheduler":
            return Ddim(eta=settings["eta"])
        case "HeunDiscreteScheduler":
            return Heun()
        case "EulerDiscreteScheduler":
            return Euler()
        case "EulerAncestralDiscreteScheduler":
            return EulerAncestral()
        case "UniPCMultistepScheduler":
            return UniPC(
                order=settings["solver_order"],
                b=settings["solver_type"],
                form="clean" if settings["predict_x0"] else "noise",
                correct=settings.get("corrector") != "off",
                ease="always" if settings["lower_order_final"] else "never",
                final_sigma=final_sigma,
            )
    assert settings["cls"] == "DPMSolverMultistepScheduler", f"a solver nobody knows: {settings['cls']}"
    sde = settings["algorithm_type"].startswith("sde")
    if settings["solver_order"] == 1:
        return EulerAncestral() if sde else Euler()
    common = {
        "order": settings["solver_order"],
        "solver": settings["solver_type"],
        "ease": "always" if settings["euler_at_final"] else "short" if settings["lower_order_final"] else "never",
        "final_sigma": final_sigma,
    }
    form = "clean" if settings["algorithm_type"].endswith("++") else "noise"
    return DpmPP2MSde(**common) if sde else DpmPP2M(form=form, **common)  # type: ignore[arg-type]


def _states(denoiser: Denoiser, base: NoiseSchedule, settings: dict[str, Any], start: Tensor, noise: Any) -> list[Tensor]:
    """After each step of the walk, as long as upstream's."""
    ends = float(base.sigma(0)) if settings["final_sigmas_type"] == "sigma_min" else 0.0
    arrived = ends >= float(denoiser.schedule.sigma(0)) * (1 - 1e-6)  # a Karras grid goes down there: its last step is empty
    sampler = _sampler(settings, 0.0 if arrived else ends)
    stops = (ends and not arrived and not hasattr(sampler, "final_sigma")) or not settings.get("set_alpha_to_one", True)
    if stops:
        denoiser = denoiser.on(base.respace(np.union1d([0], denoiser.schedule.original_index).tolist()))
    steps = walked(sampler.steps(denoiser, start, Unguided(), noise))
    return [step.x for step in (steps[:-1] if arrived or stops else steps)]


def _diffusers(
    case: Case, key: str, settings: dict[str, Any], base: NoiseSchedule, network: Any, tolerance: dict[str, float]
) -> None:
    ours = _spaced(base, settings)
    twice = isinstance(_sampler(settings, 0.0), Heun)  # all but the noisiest are listed once for each call
    told = np.repeat(ours.original_index[::-1], 2)[1:] if twice else ours.original_index[::-1]
    close(told, case[f"{key}__timesteps"], abs=1e-3 if settings.get("in_sigma") else 0, rel=1e-6, what=f"{key}__timesteps")
    if f"{key}__sigmas" in case:  # 1 - a in float32
        sigma = np.append(ours.sigma(np.arange(len(ours)))[::-1], case[f"{key}__sigmas"][-1])
        close(np.repeat(sigma, 2)[1:-1] if twice else sigma, case[f"{key}__sigmas"], rel=2e-4, what=f"{key}__sigmas")
    start = case.tensor("x_T")
    if settings.get("in_sigma") and settings["timestep_spacing"] != "leading":  # x / sqrt(a) starts at sigma x_T
        start = start * float(ours.sqrt_one_minus_alphas_cumprod[-1])
    shape, predicts = (start.shape[1], start.shape[2], start.shape[3]), PREDICTS[settings["prediction_type"]]
    denoiser = NetworkDenoiser(
        network, ours, shape, predicts, settings.get("variance_type", "fixed_small"), settings.get("clip_sample", False)  # type: ignore[arg-type]
    )  # fmt: skip
    noise = stored(case.tensor("noise"), -1) if "noise" in case else no_noise
    states = _states(denoiser, base, settings, start, noise)
    if f"{key}__x1" in case:  # after two calls
        second = 0 if twice else 1
        scale = float(ours.sqrt_alphas_cumprod[-2 - second]) if settings.get("in_sigma") else 1.0
        close(states[second] / scale, case[f"{key}__x1"], what=f"{key}__x1", **tolerance)
    if not settings.get("predict_x0", True) or settings.get("algorithm_type") == "dpmsolver":
        # the noise form enlarges what upstream rounds at the top by as much as the picture: to 2e-5 at sigma 157
        tolerance = tolerance | {"abs": tolerance["abs"] + 3e-7 * float(ours.sigma(len(ours) - 1))}
    close(states[-1], case[key], what=key, **tolerance)


@handles("ddpm_sr3", "diffusers_solvers_gaussian")
def diffusers_solvers_gaussian(case: Case) -> None:
    for key, entry in case.config["cases"].items():
        settings = _settings(entry)
        if case.offered(key, settings):
            base = _base({"beta_schedule": case.config["beta_schedule"]} | settings, case.config["T"])
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
            order = re.search(r"_o(\d)", key)
            settings = _settings({"cls": cls, "steps": case.config["steps"]} | ({"solver_order": int(order[1])} if order else {}))
            if case.offered(key, settings):
                base = _base({"beta_schedule": case.config["schedule"]}, 1000)
                _diffusers(case, key, settings, base, network, {"abs": 1e-4, "rel": 2e-5})


@handles("ddpm_sr3", "diffusers_ddpm_ddim")
def diffusers_ddpm_ddim(case: Case) -> None:
    for key, entry in case.config["cases"].items():
        settings = _settings({"steps": case.config["steps"]} | entry)
        if case.offered(key, settings):
            base = _base(settings, case.config["T"])
            network = toy(case.config["toy"], settings.get("variance_type", "").startswith("learned"))
            _diffusers(case, key, settings, base, network, F32 if settings["clip_sample"] else {"abs": 2e-5, "rel": 1e-3})
