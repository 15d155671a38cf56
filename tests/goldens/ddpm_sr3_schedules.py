"""Schedules, their tables, respacing, and the conversions between parameterisations."""

from __future__ import annotations

import numpy as np
import torch

from restauro.diffusion.denoiser import NetworkDenoiser, posterior
from restauro.diffusion.schedule import NoiseSchedule
from tests.goldens.runner import Case, close, exact, handles
from tests.goldens.upstream import schedule, sections

F32 = {"abs": 2e-5, "rel": 2e-5}
TABLES = (
    "betas alphas_cumprod alphas_cumprod_prev alphas_cumprod_next sqrt_alphas_cumprod sqrt_one_minus_alphas_cumprod "
    "log_one_minus_alphas_cumprod sqrt_recip_alphas_cumprod sqrt_recipm1_alphas_cumprod posterior_variance "
    "posterior_log_variance_clipped posterior_mean_coef1 posterior_mean_coef2"
).split()
RENAMED = {"log_fixedlarge": "fixed_large_log_variance", "posterior_log_variance_1e-20": "posterior_log_variance_floored"}
PREDICTS = {"epsilon": "eps", "start_x": "clean", "previous_x": "mean"}


@handles("ddpm_sr3", "schedules")
def schedules(case: Case) -> None:
    for entry in case.config:
        assert entry.get("s", 0.008) == 0.008, "the cosine's offset is not a setting"
        ours = schedule(entry["kind"], entry["T"], entry["src"], "", entry.get("beta_start"), entry.get("beta_end"))
        upstream_float32 = entry["src"] == "diffusers"
        close(
            ours.betas[:: entry.get("stride", 1)],
            case[entry["name"]],
            rel=1e-6 if upstream_float32 else 1e-12,
            what=entry["name"],
        )


@handles("ddpm_sr3", "schedule_tables")
def schedule_tables(case: Case) -> None:
    for kind, T in case.config["T"].items():
        ours, rows = schedule(kind, T), case[f"{kind}_index"]
        for name in [*TABLES, *RENAMED]:
            close(
                getattr(ours, RENAMED.get(name, name))[rows], case[f"{kind}_{name}"], rel=1e-12, abs=1e-12, what=f"{kind} {name}"
            )


@handles("ddpm_sr3", "respacing")
def respacing(case: Case) -> None:
    for i, entry in enumerate(case.config):
        source, kind = entry["base"].split()
        ours = schedule(kind, entry["T"], source).respace(sections(entry["section_counts"]))
        exact(ours.original_index, case[f"use_{i}"], f"{entry}")
        exact(ours.original_index, case[f"map_{i}"], f"{entry}")
        close(ours.betas, case[f"betas_{i}"], rel=1e-12, abs=1e-15, what=f"{entry}")


@handles("ddpm_sr3", "conversions")
def conversions(case: Case) -> None:
    ours = schedule(case.config["schedule"], case.config["T"])
    clean, noise, output, t = (case.tensor(name) for name in ("x0", "noise", "model_output", "t"))
    x = ours.q_sample(clean, t, noise)
    close(x, case["x_t"], **F32)
    x, said = case.tensor("x_t"), output[:, : x.shape[1]]
    close(ours.gather(ours.sqrt_alphas_cumprod, t, clean) * clean, case["q_mean"], **F32)
    close(ours.gather(ours.log_one_minus_alphas_cumprod, t, clean).expand_as(clean), case["q_log_variance"], **F32)
    close(ours.posterior_mean(clean, x, t), case["post_mean"], **F32)
    close(ours.gather(ours.posterior_variance, t, x).expand_as(x), case["post_var"], **F32)
    close(ours.gather(ours.posterior_log_variance_clipped, t, x).expand_as(x), case["post_logvar"], **F32)
    close(ours.clean_from_noise(x, t, said), case["x0_from_eps"], **F32)
    close(ours.clean_from_mean(x, t, said), case["x0_from_xprev"], abs=2e-5, rel=1e-4)
    close(ours.noise_from_clean(x, t, said), case["eps_from_x0"], **F32)
    close(ours.v_target(clean, t, noise), case["v_target"], **F32)
    close(ours.clean_from_v(x, t, said), case["x0_from_v"], **F32)
    close(ours.noise_from_v(x, t, said), case["eps_from_v"], **F32)
    for name in case.arrays:
        if name.startswith("mean__"):
            _reverse_step(case, ours, name.removeprefix("mean__"), x, t)


def _reverse_step(case: Case, ours: NoiseSchedule, settings: str, x: torch.Tensor, t: torch.Tensor) -> None:
    predicts, variance, clip = settings.split("__")
    output = case.tensor("model_output")
    if not variance.startswith("learned"):
        output = output[:, : x.shape[1]]
    shape = (x.shape[1], x.shape[2], x.shape[3])
    denoiser = NetworkDenoiser(lambda x, t: output, ours, shape, PREDICTS[predicts], variance, clip == "clip")  # type: ignore[arg-type]
    estimate = denoiser.read(output, x, t)
    actual = dict(zip(("mean", "var", "logvar"), posterior(ours, estimate, x, t), strict=True)) | {"x0": estimate.clean}
    for what, value in actual.items():
        if f"{what}__{settings}" in case:
            tolerance = {"abs": 2e-5, "rel": 1e-4} if clip == "noclip" or predicts == "previous_x" else F32
            close(np.asarray(value), case[f"{what}__{settings}"], what=f"{what} {settings}", **tolerance)
