"""OpenAI's sampler as PGDiff builds on it: schedules, ancestral and DDIM runs, the hybrid loss."""

from __future__ import annotations

import re

import torch

from restauro.diffusion.classifier import GuidedMean, GuidedScore
from restauro.diffusion.contract import Guidance, Sampler, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.losses import training_losses
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.samplers.ddim import Ddim
from tests.goldens.runner import Case, close, exact, handles
from tests.goldens.upstream import learned, openai_unet, schedule, states, stored, walked


@handles("pgdiff", "schedules")
def schedules(case: Case) -> None:
    for entry in case.config["cases"]:
        ours = schedule(entry["noise_schedule"], entry["steps"], respacing=entry["timestep_respacing"])
        exact(ours.original_index, case[f"{entry['name']}.timestep_map"], entry["name"])
        for name in case.arrays:
            owner, _, table = name.rpartition(".")
            if owner == entry["name"] and table != "timestep_map":
                close(getattr(ours, table), case[name], abs=1e-12, rel=1e-12, what=name)


@handles("pgdiff", "openai_")
def openai(case: Case) -> None:
    config = case.config
    ours = schedule(config["noise_schedule"], config["steps"], respacing=config["timestep_respacing"])
    exact(ours.original_index, config["timestep_map"])
    noise, target = case.tensor("noise"), case.tensor("target")
    variance = "learned_range" if learned(config["unet"]) else "fixed_large"
    shape = tuple(noise.shape[2:])
    denoiser = NetworkDenoiser(openai_unet(config["unet"]), ours, shape, "eps", variance, config["clip_denoised"])  # type: ignore[arg-type]
    sampler: Sampler = Ancestral() if config["sampler"] == "ancestral" else Ddim(eta=config["eta"])
    guidance: Guidance = Unguided()
    if config["cond_fn"]:
        slope = float(re.fullmatch(r"([\d.]+)\*\(target - x\)", config["cond_fn"])[1])  # type: ignore[index]

        def score(x: torch.Tensor, t: float) -> torch.Tensor:
            return slope * (target - x)

        guidance = (GuidedMean if config["sampler"] == "ancestral" else GuidedScore)(score, ours)
    steps = walked(sampler.steps(denoiser, noise[0], guidance, stored(noise, 0)))
    close(states(steps), case["samples"], abs=2e-4, rel=1e-5)  # without guidance values reach 50, and float32 its end


@handles("pgdiff", "training_losses")
def hybrid_loss(case: Case) -> None:
    config = case.config
    ours = schedule(config["noise_schedule"], config["steps"], respacing=config.get("timestep_respacing", ""))
    network = openai_unet(config["unet"])
    clean = case.tensor("x_start")
    denoiser = NetworkDenoiser(network, ours, tuple(clean.shape[1:]), "eps", "learned_range")  # type: ignore[arg-type]
    kind = "rescaled_mse" if config["rescale_learned_sigmas"] else "mse"
    found = training_losses(denoiser, clean, torch.tensor(config["t"]), case.tensor("noise"), kind)  # type: ignore[arg-type]
    for part in ("vb", "mse", "loss"):
        close(getattr(found, part), case[part], abs=1e-4, rel=1e-4, what=part)
    found.loss.mean().backward()
    parameters = dict(network.named_parameters())
    for name in case.arrays:
        if name.startswith("grad."):
            gradient = parameters[name.removeprefix("grad.")].grad
            assert gradient is not None
            close(gradient[: len(case[name])], case[name], peak=1e-3, what=name)
