"""SR3: the repository's networks, losses, sampling and data, and the paper's sampling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from restauro.diffusion.contract import Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.schedule import NoiseSchedule
from restauro.evaluation.metrics import psnr, ssim
from restauro.networks.sr3 import Sr3UNet, attention_at, sr3_arguments
from restauro.systems.sr3.losses import levels_within, noise_loss, noised
from restauro.systems.sr3.pairs import to_levels, to_tensor, triplet
from restauro.systems.sr3.published import published, trace
from tests.goldens.runner import Case, close, exact, fill, handles
from tests.goldens.upstream import schedule, states, stored, walked

F32 = {"abs": 2e-5, "rel": 2e-5}
BUFFERS = (
    "betas",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
)


def repository_unet(ctor: Mapping[str, Any], told: str = "level") -> Sr3UNet:
    """The network of the repository's constructor arguments, with formula-made weights."""
    down, up = attention_at(ctor["attn_res"], ctor["image_size"], len(ctor["channel_mults"]))
    network: Sr3UNet = fill(
        Sr3UNet(
            ctor["in_channel"],
            ctor["out_channel"],
            ctor["inner_channel"],
            ctor["channel_mults"],
            ctor["res_blocks"],
            down,
            up,
            ctor["norm_groups"],
            ctor["dropout"],
            told,  # type: ignore[arg-type]
        ),
        keep=("inv_freq",),
    )
    return network


@handles("ddpm_sr3", "unet_sr3repo_")
def unet(case: Case) -> None:
    ctor, told = case.config["ctor"], "level" if "level" in case else "timesteps"
    network = repository_unet(ctor, told)
    shapes = {key: list(value.shape) for key, value in network.state_dict().items()}
    if "keys" in case.config:
        assert shapes == case.config["keys"]
    read = sr3_arguments(network.state_dict())
    assert {key: list(value.shape) for key, value in Sr3UNet(**read, groups=ctor["norm_groups"]).state_dict().items()} == shapes
    with torch.no_grad():
        y = network(case.tensor("x"), case.tensor("level" if told == "level" else "t").flatten())
    close(y, case["y"], **F32)


@handles("ddpm_sr3", "sr3_losses")
def losses(case: Case) -> None:
    network = repository_unet(case.config["unet"])
    hr, sr, noise = (case.tensor(name) for name in ("hr", "sr", "noise"))
    for i, config in enumerate(case.config["cases"]):
        ours = schedule("linear", config["T"], "sr3repo", start=config["linear_start"], end=config["linear_end"])
        t = np.full(len(hr), config["t"] - 1)
        # upstream goes from the cleaner end to the noisier
        levels = levels_within(ours, t, 1 - case[f"u_{i}"])
        ends = levels_within(ours, t[:2], [1.0, 0.0])
        close(ends, case[f"interval_{i}"], rel=1e-12, what=f"interval {i}")
        close(levels, case[f"level_{i}"], rel=1e-5, what=f"level {i}")
        levels = torch.from_numpy(levels).float()
        noisy = noised(hr, levels, noise)
        close(noisy, case[f"x_noisy_{i}"], **F32, what=f"x_noisy {i}")
        with torch.no_grad():
            close(network(torch.cat([sr, noisy], 1), levels), case[f"pred_{i}"], **F32, what=f"pred {i}")
            for power in (1, 2):
                mean = noise_loss(network, sr, hr, levels, noise, power).mean()  # type: ignore[arg-type]
                close(mean, case[f"l{power}_mean_{i}"], rel=1e-5, what=f"l{power}_mean {i}")
                close(mean * hr.numel(), case[f"l{power}_sum_{i}"], rel=1e-5, what=f"l{power}_sum {i}")
    ours = schedule("linear", 2000, "sr3repo", start=1e-6, end=1e-2)
    for name, domain in (("draw_gamma_paper", "gamma"), ("draw_sqrtgamma_wavegrad", "level")):
        levels = levels_within(ours, case["draw_t"] - 1, case["draw_u"], domain)  # type: ignore[arg-type]
        close(levels**2 if domain == "gamma" else levels, case[name], rel=1e-5, what=name)


@handles("ddpm_sr3", "sr3_sampling")
def sampling(case: Case) -> None:
    network, sr = repository_unet(case.config["unet"]), case.tensor("sr")

    def conditioned(x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return network(torch.cat([sr, x], 1), level)

    for i, config in enumerate(case.config["cases"]):
        ours = schedule(config["schedule"], config["T"], "sr3repo", start=config["linear_start"], end=config["linear_end"])
        tables = {"posterior_log_variance_clipped": ours.posterior_log_variance_floored}
        for name in BUFFERS:
            close(tables.get(name, getattr(ours, name)), case[f"{name}_{i}"], rel=1e-5, abs=1e-7, what=f"{name} {i}")
        close(np.append(1.0, ours.level(torch.arange(len(ours)))), case[f"levels_{i}"], rel=1e-12, what=f"levels {i}")
        denoiser = published(NetworkDenoiser(conditioned, ours, tuple(sr.shape[1:]), told="level"), "repository")  # type: ignore[arg-type]
        noise = case.tensor(f"noise_{i}")
        kept = list(trace(denoiser, sr, noise[0], stored(noise, 0)))
        close(torch.cat(kept), case[f"trace_{i}"], abs=1e-4, what=f"trace {i}")
        assert len(sr) * len(kept) == case[f"rows_{i}"]
        close(kept[-1], case[f"final_{i}"], abs=1e-4, what=f"final {i}")
        close(kept[-1][-1], case[f"last_only_{i}"], abs=1e-4, what=f"last {i}")


@handles("ddpm_sr3", "sr3_unconditional")
def unconditional(case: Case) -> None:
    config, noise = case.config, case.tensor("noise")
    ours = schedule("linear", config["T"], "sr3repo", start=config["linear_start"], end=config["linear_end"])
    network = repository_unet(config["unet"])
    denoiser = published(NetworkDenoiser(network, ours, tuple(noise.shape[2:]), told="level"), "repository")  # type: ignore[arg-type]
    close(torch.cat(list(trace(denoiser, noise[0], noise[0], stored(noise, 0)))), case["trace"], abs=1e-4)


@handles("ddpm_sr3", "sr3_paper_sampling")
def paper_sampling(case: Case) -> None:
    number = r"(-?[\d.]+)"
    found = re.fullmatch(rf"sin\({number}\*y ?\+ ?{number}\*x ?\+ ?{number}\*gamma\)", case.config["f"])
    assert found is not None and not case.config["clip"]
    a, b, c = map(float, found.groups())
    x = case.tensor("x")

    def network(y: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
        return torch.sin(a * y + b * x + c * gamma[:, None, None, None])

    ours = NoiseSchedule.from_betas(case["betas"])
    close(ours.alphas_cumprod, case["gamma"], rel=1e-12)
    denoiser = published(NetworkDenoiser(network, ours, tuple(x.shape[1:]), told="gamma"), "paper")  # type: ignore[arg-type]
    steps = walked(Ancestral().steps(denoiser, case.tensor("y_T"), Unguided(), stored(case.tensor("z"), -1)))
    close(states(steps), case["states"], rel=1e-9, abs=1e-9)


@handles("ddpm_sr3", "sr3_data_pipeline")
def data_pipeline(case: Case) -> None:
    for i, config in enumerate(case.config["cases"]):
        small, large = config["sizes"]
        height, width = config["in_hw"]
        found = triplet(case[f"in_{i}"], small, large)
        tensors = {"hr": to_tensor(found.large), "sr": to_tensor(found.enlarged)}
        uncut = {"uncut": large == width != height}
        exact(found.small, case[f"lr_{i}"], f"lr {i}")
        exact(found.enlarged, case[f"sr_{i}"], f"sr {i}")
        if case.offered(f"hr_{i}", uncut):
            exact(found.large, case[f"hr_{i}"], f"hr {i}")
        for name, tensor in tensors.items():
            if case.offered(f"{name}_tensor_{i}", uncut):
                close(tensor, case[f"{name}_tensor_{i}"], **F32, what=f"{name} {i}")
        if f"psnr_{i}" in case:
            shown, wanted = (tensors[name][None].double() for name in ("sr", "hr"))
            shown, wanted = ((one * 127.5).round() / 127.5 for one in (shown + 1, wanted + 1))
            close(psnr(shown, wanted)[0], case[f"psnr_{i}"], rel=1e-9, what=f"psnr {i}")
            close(ssim(shown, wanted)[0], case[f"ssim_{i}"], rel=1e-9, what=f"ssim {i}")
    exact(to_levels(case.tensor("t2i_in")), case["t2i_out"], "one")
    exact(to_levels(case.tensor("t2i_grid_in")), case["t2i_grid_out"], "grid")
