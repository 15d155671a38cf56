"""DiffBIR's guidance: the map of regions, the losses and their steps, and whole guided walks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.diffusion.contract import Observation
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.region_adaptive import RegionAdaptive, Regions
from restauro.systems.diffbir.guidance import PROPERTY, PublishedGuidance
from tests.goldens.runner import Case, close, handles
from tests.goldens.upstream import stored, walked

SOURCE = "diffbir"
PLAIN = RegionAdaptive(regions="all")


class Whole:
    """A codec that leaves pictures as they are."""

    def encode(self, picture: Tensor) -> Tensor:
        return picture

    def decode(self, latents: Tensor) -> Tensor:
        return latents


class Toy:
    """The goldens' codec: 2x2 means and nearest doubling, a matrix of channels each, tanh last."""

    def __init__(self, enc: Tensor, dec: Tensor):
        self.enc, self.dec = enc, dec

    def encode(self, picture: Tensor) -> Tensor:
        return torch.einsum("ij,njhw->nihw", self.enc, F.avg_pool2d(picture, 2))

    def decode(self, latents: Tensor) -> Tensor:
        return torch.einsum("ij,njhw->nihw", self.dec, F.interpolate(latents, scale_factor=2.0)).tanh()


def toy_eps(schedule: NoiseSchedule, c_img: Tensor, cond: Tensor, uncond: Tensor, cfg: float) -> Any:
    """The goldens' closed-form network that says the noise, guided without a classifier."""

    def network(x: Tensor, told: Tensor) -> Tensor:
        a = torch.as_tensor(schedule.alphas_cumprod[told.long().numpy()]).to(x)[:, None, None, None]

        def said(text: Tensor) -> Tensor:
            mean = c_img + text.mean((1, 2))[:, None, None, None]
            gain = 0.25 * a.sqrt() / (0.25 * a + 1 - a)
            clean = mean + gain * (x - a.sqrt() * mean) + 0.05 * (1 - a) * (3 * x).sin()
            return (x - a.sqrt() * clean) / (1 - a).sqrt()

        return said(uncond) + cfg * (said(cond) - said(uncond))

    return network


@handles(SOURCE, "guidance")
def guidance(case: Case) -> None:
    for config in case.config:
        (map_ if f"{config['name']}/pred" in case else loop)(case, config)


def map_(case: Case, config: dict[str, Any]) -> None:
    name, scale = config["name"], config["scale"]
    seen, pred = (case.tensor(f"{name}/{part}") for part in ("target", "pred"))
    observed, schedule = Observation(seen, restored=seen), NoiseSchedule.named("ho-quad", 1000)

    def delta(form: Any, prop: RegionAdaptive) -> Tensor:
        return PublishedGuidance(form, observed, schedule, Whole(), scale, "rgb", wanted=prop).change(pred)

    weighted = PROPERTY["v2"]
    close(weighted.target(observed).weight, case[f"{name}/weight"], abs=1e-5)
    for word, prop in (("wmse", weighted), ("mse", PLAIN)):
        close(prop.distance(pred, prop.target(observed)).sum(), case[f"{name}/{word}_loss"], abs=1e-5, rel=1e-5)
        close(delta("v2", prop), case[f"{name}/{word}_delta"], abs=1e-5, rel=1e-5)
    close(delta("v1", PLAIN), case[f"{name}/v1_mse_delta"], abs=1e-5)
    paper, exact = PROPERTY["paper"], Observation(seen.double(), restored=seen.double())
    target: Regions = paper.target(exact)
    close(paper.distance(pred.double(), target), case[f"{name}/paper_loss"], abs=1e-5)
    close(paper.gradient(pred.double(), target), case[f"{name}/paper_grad"], abs=1e-5)


def loop(case: Case, config: dict[str, Any]) -> None:
    for dtype in (torch.float32, torch.float64):
        part = {key.split("/")[1]: case.tensor(key, dtype) for key in case.arrays if key.startswith(f"{config['name']}/")}
        schedule = NoiseSchedule.named("ho-quad", 1000, 0.00085, 0.012)
        network = toy_eps(schedule, part["c_img"], part["c_txt"], part["c_txt_uncond"], config["cfg"])
        spaced = schedule.respace(str(config["steps"]))
        denoiser = NetworkDenoiser(network, spaced, tuple(part["x_T"].shape[1:]), clip=False)  # type: ignore[arg-type]
        guide = PublishedGuidance(
            config["version"],
            Observation(part["target"], restored=part["target"]),
            spaced,
            Toy(part["enc"], part["dec"]),
            config["scale"],
            config["space"] or "latent",
            config["repeat"],
            (config["t_stop"], config["t_start"]),
            PLAIN if config["loss"] == "mse" else None,
        )
        steps = walked(Ancestral().steps(denoiser, part["x_T"], guide, stored(part["noise"], -1)))
        if dtype == torch.float32:
            close(steps[-1].x, part["out"], abs=config["tolerance32"], what=config["name"])
        else:  # the published tables are float32
            close(steps[-1].x, part["out64"], peak=1e-5, what=config["name"])
