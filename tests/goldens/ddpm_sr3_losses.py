"""Training losses, the discretised decoder, the KL of two Gaussians."""

from __future__ import annotations

import numpy as np
import torch

from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.losses import discretised_log_likelihood, normal_kl, prior_bits, training_losses
from tests.goldens.ddpm_sr3_schedules import PREDICTS
from tests.goldens.runner import Case, close, handles
from tests.goldens.upstream import schedule


@handles("ddpm_sr3", "losses")
def losses(case: Case) -> None:
    ours = schedule(case.config["schedule"], case.config["T"])
    clean, noise, t = (case.tensor(name) for name in ("x0", "noise", "t"))
    shape = (clean.shape[1], clean.shape[2], clean.shape[3])
    for name in case.arrays:
        if not name.startswith("loss__"):
            continue
        settings = name.removeprefix("loss__")
        predicts, variance, kind = settings.split("__")
        output = case.tensor("model_output")
        if not variance.startswith("learned"):
            output = output[:, : clean.shape[1]]
        output = output.clone().requires_grad_(True)
        denoiser = NetworkDenoiser(lambda x, t, output=output: output, ours, shape, PREDICTS[predicts], variance)  # type: ignore[arg-type, misc]
        found = training_losses(denoiser, clean, t, noise, kind)  # type: ignore[arg-type]
        tolerance = {"rel": 1e-4, "abs": 3e-6 * (len(ours) if kind.startswith("rescaled") else 1)}
        for part in ("loss", "mse", "vb"):
            if f"{part}__{settings}" in case:
                close(getattr(found, part), case[f"{part}__{settings}"], what=f"{part} {settings}", **tolerance)
        if f"grad__{settings}" in case:
            (gradient,) = torch.autograd.grad(found.loss.mean(), output)
            close(gradient, case[f"grad__{settings}"], what=f"grad {settings}", **tolerance)
    close(prior_bits(ours, clean), case["prior_bpd"], rel=1e-4, abs=3e-6)


@handles("ddpm_sr3", "discretised_decoder")
def discretised_decoder(case: Case) -> None:
    x, mean, log_scale = (case.tensor(name) for name in ("x", "mean", "log_scale"))
    ours, expected = discretised_log_likelihood(x, mean, log_scale).numpy(), case["logp"]
    assert ours.shape == expected.shape
    deep = expected <= -12  # there float32 cancellation decides
    allowed = np.select([expected > -3, expected > -8, expected > -12], [1e-6, 2e-4, 5e-3], np.inf)
    assert (np.abs(ours - expected) <= allowed + 1e-6 * np.abs(expected))[~deep].all()
    assert (ours[deep] < -11.9).all() and (expected[deep] < -11.9).all()


@handles("ddpm_sr3", "normal_kl")
def kl(case: Case) -> None:
    found = normal_kl(*(case.tensor(name) for name in ("m1", "lv1", "m2", "lv2")))
    close(found, case["kl"], abs=2e-5, rel=2e-5)
