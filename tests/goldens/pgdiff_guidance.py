"""PGDiff's properties, guided steps and guided runs: upstream's tasks and weights in our words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.diffusion.contract import Move, Observation
from restauro.diffusion.denoiser import NetworkDenoiser, posterior
from restauro.diffusion.guidance import Wanted
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.iresnet import BLOCKS, IResNet
from restauro.networks.rrdb import TimedRestorer
from restauro.networks.unet import UNet
from restauro.properties._look import to_embedder
from restauro.properties.colour_statistics import STYLES, ColourStatistics, adain, statistics
from restauro.properties.identity import Identity
from restauro.properties.known_region import KnownRegion
from restauro.properties.lightness import Lightness
from restauro.properties.smooth_semantics import SmoothSemantics
from restauro.systems.pgdiff.guidance import RULES, PublishedGuidance, published_loss
from tests.goldens.pgdiff_networks import openai_arguments
from tests.goldens.runner import Case, close, exact, fill, handles
from tests.goldens.upstream import sections

STYLE = list(STYLES)
TASKS = {"restoration": "restore", "ref_restoration": "restore", "colorization": "colorize", "inpainting": "inpaint"}
TASKS["old_photo_restoration"] = "old-photo"


class BlockMeans(Identity, frozen=True, kw_only=True):
    """The goldens' stand-in embedder: means of 28 x 28 blocks, channel-major."""

    def embed(self, picture: Tensor, template: str = "") -> Tensor:
        return F.avg_pool2d(to_embedder(picture), 28).flatten(1)


def wanted_of(
    task: str, weights: dict[str, float], style: int, cosine: bool = False, identity: type[Identity] = BlockMeans
) -> list[Wanted]:
    """Upstream's sum of losses for a task."""
    palette = ColourStatistics(style=STYLE[style], region="all")  # type: ignore[arg-type]
    match task:
        case "restoration":
            return [Wanted(SmoothSemantics(), weights["ss_weight"])]
        case "ref_restoration":
            person = identity(loss="cosine" if cosine else "mse")
            return [Wanted(SmoothSemantics(), weights["ss_weight"]), Wanted(person, weights["ref_weight"])]
        case "colorization":
            return [Wanted(Lightness(weights="mean"), weights["lightness_weight"]), Wanted(palette, weights["color_weight"])]
        case "inpainting":
            return [Wanted(KnownRegion(soft=False), weights["unmasked_weight"])]
        case "old_photo_restoration":
            light = Lightness(weights="mean", of="restored")
            return [Wanted(light, weights["op_lightness_weight"]), Wanted(palette, weights["op_color_weight"])]
    raise AssertionError(f"unknown task {task}")


class Run:
    """One guided case: networks, schedule, guidance and stored noise, as its config says."""

    def __init__(self, case: Case):
        config = self.config = case.config
        self.case = case
        schedule = NoiseSchedule.named("cosine" if config.get("noise_schedule") == "cosine" else "openai-linear", config["steps"])
        self.schedule = schedule.respace(sections(config["timestep_respacing"]))
        exact(self.schedule.original_index, config["timestep_map"], "kept timesteps")
        unet = fill(UNet(**openai_arguments(config["unet"], sizes=True)))
        channels = config["unet"]["in_channels"]
        learned = config["unet"]["out_channels"] > channels
        size = config["unet"]["image_size"]
        self.denoiser = NetworkDenoiser(
            unet, self.schedule, (channels, size, size), variance="learned_range" if learned else "fixed_large"
        )
        self.observed = self._observed()
        self.guidance = PublishedGuidance(
            wanted=wanted_of(config["task"], config["weights"], config["style"], config["cosine"]),
            observed=self.observed,
            schedule=self.schedule,
            rule=RULES[TASKS[config["task"]]],
            scale=config["scale"],
            repeats=config["N"],
            window=(config["s_end"], config["s_start"]),
            empty_holes=config["task"] == "old_photo_restoration",
        )
        self.drawn = iter(case.tensor("noise"))

    def _observed(self) -> Observation:
        case, config = self.case, self.config
        restorer = fill(timed_restorer(config["restorer"]))
        picture = case.tensor("y")

        def restore_at(x: Tensor, t: float) -> Tensor:
            return restorer(x, picture.expand_as(x), torch.full((len(x),), t))

        mask = case.tensor("mask") if "mask" in case else None
        if config["task"] == "old_photo_restoration":
            # upstream counts every level above 0 as missing
            mask = torch.zeros_like(picture) if mask is None else (mask > 0).float()
        reference = case.tensor("ref") if "ref" in case else None
        return Observation(picture, mask=mask, reference=reference, restore_at=restore_at)

    def noise(self, step: int, draw: int = 0) -> Tensor:
        return next(self.drawn)


def timed_restorer(args: dict[str, Any]) -> TimedRestorer:
    return TimedRestorer(args["mid_channels"], args["num_blocks"], args["growth_channels"])


@handles("pgdiff", "run_")
def guided_run(case: Case) -> None:
    run = Run(case)
    start = run.noise(0)
    found = list(Ancestral().steps(run.denoiser, start, run.guidance, run.noise))
    close(
        torch.cat([step.x for step in found]), case["samples"].reshape(-1, *case["samples"].shape[-3:]), abs=2e-4, what="samples"
    )
    close(torch.cat([s.clean for s in found]), case["pred_xstart"].reshape(-1, *start.shape[-3:]), abs=2e-4, what="clean")
    close(found[-1].x, case["final"], abs=2e-4, what="final")
    levels = ((found[-1].x + 1) * 127.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    close(levels, case["uint8_rgb"], abs=1, what="8-bit")


@handles("pgdiff", "step_")
def guided_step(case: Case) -> None:
    run, t = Run(case), case.config["t"]
    moves: list[Move] = []
    gradients: list[Tensor] = []

    @torch.no_grad()
    def propose(x: Tensor) -> Move:
        estimate = run.denoiser(x, t)
        mean, variance, log_variance = posterior(run.schedule, estimate, x, t)
        x_next = mean + (0.5 * log_variance).exp() * run.noise(1) * (t > 0)
        moves.append(Move(x, t, 0, mean, variance, replace(estimate, log_variance=log_variance), x_next))
        return moves[-1]

    whole = run.guidance.gradient

    def watched(clean: Tensor, targets: Any, x: Tensor) -> Tensor:
        gradients.append(whole(clean, targets, x))
        return gradients[-1]

    run.guidance.gradient = watched  # type: ignore[method-assign]
    close(run.guidance.step(propose(case.tensor("x_t")), propose), case["sample"], abs=5e-5, what="sample")
    # the networks differ by 4e-6 between builds, which the conversion to the clean picture multiplies
    loose = 5e-5 + 1e-5 * float(run.schedule.sqrt_recipm1_alphas_cumprod[t])
    close(torch.stack([m.mean for m in moves]), case["p_mean"], abs=5e-5, what="mean")
    close(torch.stack([m.variance for m in moves]), case["p_variance"], abs=5e-5, what="variance")
    close(torch.stack([m.estimate.clean for m in moves]), case["p_pred_xstart"], abs=loose, what="clean")
    close(torch.stack([m.estimate.log_variance for m in moves]), case["p_log_variance"], abs=5e-5, what="log variance")
    peak = float(np.nan_to_num(np.abs(case["gradient"])).max())
    close(torch.stack(gradients), case["gradient"], abs=loose * max(1.0, peak), what="gradient")


@handles("pgdiff", "properties")
def properties(case: Case) -> None:
    clean, defaults = case.tensor("x0"), case.config["task_defaults"]
    for entry in case.config["cases"]:
        name, note = entry["name"], entry["note"]
        task = property_task(name)
        only = {"lightness": "color_weight", "colour": "lightness_weight"}.get(name.split("_")[0], "")
        weights = {
            **defaults,
            **({only: 0.0} if only else {}),
            **{key: float(value) for key, value in re.findall(r"(\w+_weight) ([\d.]+)", note)},
        }
        for what, ours in (("lightness", "lightness_weight"), ("colour", "color_weight")):
            if said := re.search(rf"([\d.]+)\*{what}", note):
                weights[f"op_{ours}" if task == "old_photo_restoration" else ours] = float(said[1])
        if both := re.search(r"weights ([\d.]+) and ([\d.]+)", note):
            weights["op_lightness_weight"], weights["op_color_weight"] = map(float, both.groups())
        style = int(found[1]) if (found := re.search(r"style ?(\d)", note)) else 0
        picture = case.tensor("colour" if task != "colorization" or "colour_input" in name else "gray")
        mask = property_mask(case, name)
        observed = Observation(picture, mask=mask, restored=picture)
        if f"{name}.x_t" in case:
            observed = timed(case, name, picture)
        guidance = PublishedGuidance(
            wanted_of(task, weights, style), observed, SCHEDULE, "mean-shift", 1.0, empty_holes=task == "old_photo_restoration"
        )
        state = case.tensor(f"{name}.x_t") if f"{name}.x_t" in case else clean
        targets = [w.property.target_at(observed, w.property.target(observed), state, case.config["t"]) for w in guidance.wanted]
        close(guidance.gradient(clean, targets), case[f"{name}.grad"], abs=2e-5, what=f"{name} gradient")
        if f"{name}.loss" in case:
            close(published_loss(guidance.wanted, clean, targets).sum(), case[f"{name}.loss"], rel=1e-5, what=f"{name} loss")
        if f"{name}.target" in case:
            close(targets[0][0], case[f"{name}.target"], abs=1e-4, what=f"{name} target")


SCHEDULE = NoiseSchedule.named("openai-linear", 1000)


def property_task(name: str) -> str:
    prefixes = {"lightness": "colorization", "colo": "colorization", "unmasked": "inpainting", "smooth": "restoration"}
    return next((task for prefix, task in prefixes.items() if name.startswith(prefix)), "old_photo_restoration")


def property_mask(case: Case, name: str) -> Tensor | None:
    if not name.startswith(("unmasked", "oldphoto")):
        return None
    if name.endswith("full"):
        return torch.ones_like(case.tensor("x0"))
    mask = case.tensor("mask_soft" if name.endswith("soft") else "mask_channels" if name.endswith("channelmask") else "mask")
    return (mask > 0).float() if name.startswith("oldphoto") else mask


def timed(case: Case, name: str, picture: Tensor) -> Observation:
    """The restorer of the README's smooth_net entry: mid 8, 1 block, growth 4."""
    note = next(entry["note"] for entry in case.config["cases"] if entry["name"] == name)
    mid, blocks, growth = (int(re.search(pattern, note)[1]) for pattern in (r"mid (\d+)", r"(\d+) block", r"growth (\d+)"))  # type: ignore[index]
    restorer = fill(TimedRestorer(mid, blocks, growth))

    @torch.no_grad()
    def restore_at(x: Tensor, t: float) -> Tensor:
        return restorer(x, picture, torch.full((len(x),), float(t)))

    return Observation(picture, restore_at=restore_at)


@handles("pgdiff", "adain")
def adain_targets(case: Case) -> None:
    x, flat = case.tensor("x"), case.tensor("flat")
    for number, (mean, std) in enumerate(STYLES.values()):
        wanted = torch.tensor(mean)[None, :, None, None], torch.tensor(std)[None, :, None, None]
        if f"style{number}.target" in case:
            close(adain(x, wanted), case[f"style{number}.target"], abs=1e-5, what=f"style {number}")
    close(statistics(x)[0], case["mean"], abs=1e-5)
    close(statistics(x)[1], case["std"], abs=1e-5)
    first = next(iter(STYLES.values()))
    wanted = torch.tensor(first[0])[None, :, None, None], torch.tensor(first[1])[None, :, None, None]
    close(adain(flat, wanted), case["flat.target"], abs=1e-5, what="flat")
    close(statistics(flat)[1], case["flat.std"], abs=1e-5)
    levels = torch.from_numpy(case["script.u8_rgb"]).permute(2, 0, 1)[None].float() / 127.5 - 1
    mean, std = statistics(levels, unbiased=False)
    close(mean.flatten(), case["script.mean"].flatten(), abs=1e-5)
    close(std.flatten(), case["script.std"].flatten(), abs=1e-5)
    close(Lightness(weights="mean").measure(x).expand(-1, 3, -1, -1), case["grayscale3"], abs=1e-5)


@handles("pgdiff", "identity_")
def identity(case: Case) -> None:
    network = fill(IResNet(BLOCKS[50]))

    class Person(Identity, frozen=True, kw_only=True):
        def embed(self, picture: Tensor, template: str = "") -> Tensor:
            return network(to_embedder(picture))

    clean, reference = case.tensor("x0", torch.float32), case.tensor("ref", torch.float32)
    rows = to_embedder(clean)[:, :, [0, 56]]
    close(rows, case["resized_x0_rows_0_56"], abs=1e-4, what="resized")
    close(network(to_embedder(clean)), case["embed_x0"], peak=1e-4)
    close(network(to_embedder(reference)), case["embed_ref"], peak=1e-4)
    observed = Observation(clean, reference=reference, restored=reference)
    for loss, weight in case.config["weights"].items():
        wanted = [Wanted(Person(loss=loss), weight)]
        guidance = PublishedGuidance(wanted, observed, SCHEDULE, "mean-shift", 1.0)
        targets = [w.property.target(observed) for w in wanted]
        tolerance = {"abs": 2.0} if loss == "cosine" else {"rel": 1e-3}
        found = published_loss(wanted, clean, targets).sum() - (weight * len(clean) if loss == "cosine" else 0)
        close(found, case[f"{loss}.loss"], **tolerance, what=f"{loss} loss")
        close(guidance.gradient(clean, targets), case[f"{loss}.grad"], peak=2e-3, what=f"{loss} gradient")
    both = [Wanted(SmoothSemantics(), 1.0), Wanted(Person(loss="mse"), case.config["weights"]["mse"])]
    targets = [w.property.target(observed) for w in both]
    close(published_loss(both, clean, targets).sum(), case["mse_plus_smooth.loss"], rel=1e-3)
