"""Bits per dimension: every term of the bound, rate and distortion; and the closed form of a one-pixel Gaussian."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor

from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.likelihood import bound, strata, terms
from restauro.diffusion.losses import prior_bits, training_losses
from restauro.diffusion.schedule import NoiseSchedule
from tests.goldens.runner import Case, close, handles
from tests.goldens.upstream import learned, openai_unet, schedule, toy

F32SUM = {"rel": 1e-5, "abs": 1e-6}


@handles("ddpm_sr3", "bpd_")
def bits(case: Case) -> None:
    config, clean, draws = case.config, case.tensor("x0"), case.tensor("noise")
    if "toy" in config:
        ours = NoiseSchedule.from_betas(case["betas"])
        variance, clip = re.fullmatch(r"bpd_(\w+)_(clip|noclip)", case.name).groups()  # type: ignore[union-attr]
        denoiser = NetworkDenoiser(
            toy(config["toy"], variance.startswith("learned")), ours, (3, 4, 4), "eps", variance, clip == "clip"
        )
        tolerance = F32SUM
    else:
        ours = schedule(config["schedule"], config["T"], respacing=str(config["steps"]))
        variance = "learned_range" if learned(config["ctor"]) else "fixed_large"
        shape = (clean.shape[1], clean.shape[2], clean.shape[3])
        denoiser = NetworkDenoiser(
            openai_unet(config["ctor"]), ours, shape, "eps", variance, config["clip"], config["rescale_timesteps"]
        )
        tolerance = {"rel": 2e-5, "abs": 2e-5}
    found = bound(denoiser, clean, lambda step, draw=0: draws[len(ours) - 1 - step])
    close(found.prior, case["prior_bpd"], rel=1e-4, abs=3e-6)
    close(found.total, case["total_bpd"], what="total", **tolerance)
    for name, part in (("vb", "bits"), ("xstart_mse", "clean_error"), ("mse", "noise_error")):
        close(torch.stack([getattr(term, part) for term in found.terms], 1), case[name], what=name, **tolerance)
    if "rate_bits_per_dim" in case:
        rate, distortion = found.progressive()
        close(rate.flip(1), case["rate_bits_per_dim"], what="rate", **tolerance)
        close(distortion.flip(1), case["distortion_rmse255"], what="distortion", **tolerance)
    if "train_t" in config:
        _hybrid(case, denoiser, clean, draws[0])


def _hybrid(case: Case, denoiser: NetworkDenoiser, clean: Tensor, noise: Tensor) -> None:
    network = denoiser.network
    assert isinstance(network, torch.nn.Module)
    found = training_losses(denoiser, clean, torch.tensor(case.config["train_t"]), noise, "rescaled_mse")
    for name in ("vb", "mse", "loss"):
        close(getattr(found, name), case[f"train_{name}"], rel=2e-5, abs=2e-5, what=name)
    found.loss.mean().backward()
    parameters = dict(network.named_parameters())
    for name, norm in case.config["grad_norms"].items():
        gradient = parameters[name].grad
        assert gradient is not None
        close(gradient.norm(), norm, rel=1e-3, what=name)


@handles("ddpm_sr3", "bpd_gaussian_quadrature")
def quadrature(case: Case) -> None:
    mean, std = case.config["mean"], case.config["std"]
    levels, pmf = case.tensor("levels"), case.tensor("pmf")
    close(-(pmf * pmf.log2()).sum(), case.config["entropy_bits"], rel=1e-12)
    kind = case.config["schedule"].split()[-1]
    every = case["terms_by_level_fixed_small_1000"].shape[0]
    some = range(0, len(levels), -(-len(levels) // every))
    for label, wanted in case.config["results"].items():
        variance, _, T = label.rpartition("_")
        ours = schedule(kind, int(T))

        def network(x: Tensor, t: Tensor, ours: NoiseSchedule = ours) -> Tensor:
            a = torch.from_numpy(ours.alphas_cumprod)[t.long()][:, None, None, None]
            return mean + std**2 * a.sqrt() / (a * std**2 + 1 - a) * (x - a.sqrt() * mean)

        denoiser = NetworkDenoiser(network, ours, (1, 1, 1), "clean", variance, False)  # type: ignore[arg-type]
        terms, errors = _expected(denoiser, levels)
        total, index = (terms * pmf[:, None]).sum(0), case[f"t_index_{T}"]
        prior = (prior_bits(ours, levels[:, None, None, None]) * pmf).sum()
        exactly = {"rel": 1e-8, "abs": 1e-13}
        close(total[index], case[f"terms_mean_{label}"], what=label, **exactly)
        close(terms[some][:, index], case[f"terms_by_level_{label}"], what=label, **exactly)
        close((errors * pmf[:, None]).sum(0)[index], case[f"mse_mean_{T}"], what=f"mse {label}", **exactly)
        close(prior, case[f"prior_mean_{T}"], what="prior", **exactly)
        found = {"total_bpd": total.sum() + prior, "L0": total[0], "L1_to_Tm1": total[1:].sum(), "prior": prior}
        for name in wanted:
            close(found[name], wanted[name], what=f"{label} {name}", **exactly)


def _expected(denoiser: NetworkDenoiser, levels: Tensor) -> tuple[Tensor, Tensor]:
    """(levels, T) terms and errors of the clean estimate, expected over the noise.

    KL terms are quadratic in the noise, so three Gauss-Hermite nodes are exact; L_0 takes the trapezoid rule.
    """
    node, weight = (torch.from_numpy(part) for part in np.polynomial.hermite_e.hermegauss(3))
    fine = torch.linspace(-9, 9, 6001, dtype=torch.float64)
    density = torch.exp(-fine.square() / 2)
    first = _averaged(denoiser, levels, fine, density / density.sum(), only_first=True)
    rest = _averaged(denoiser, levels, node, weight / weight.sum())
    return torch.cat([first[0], rest[0][:, 1:]], 1), rest[1]


def _averaged(
    denoiser: NetworkDenoiser, levels: Tensor, nodes: Tensor, weights: Tensor, only_first: bool = False
) -> tuple[Tensor, Tensor]:
    clean = levels.repeat_interleave(len(nodes))[:, None, None, None]
    draws = nodes.repeat(len(levels))[:, None, None, None]
    groups = strata(len(denoiser.schedule))[-1 if only_first else 0 :]
    found = list(terms(denoiser, clean, lambda step, draw=0: draws, groups))[::-1]
    both = [
        torch.stack([(getattr(term, part).view(len(levels), -1) * weights).sum(1) for term in found], 1)
        for part in ("bits", "clean_error")
    ]
    return both[0], both[1]
