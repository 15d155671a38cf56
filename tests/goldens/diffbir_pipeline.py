"""Whole runs of DiffBIR's version 2.1, from a picture's levels to the result's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.noise import Noise
from restauro.core.recipe import Latent, Release
from restauro.networks.swinir import SwinIR
from restauro.networks.text_tower import TextTower
from restauro.systems.diffbir import published
from restauro.systems.diffbir.parts import Parts
from restauro.weights.passports import Passport
from tests.goldens.diffbir_networks import autoencoder, control_net, unet
from tests.goldens.runner import Case, close, fill, handles

LATENTS = {"abs": 2e-3}


@handles("diffbir", "pipeline")
@torch.no_grad()
def pipeline(case: Case) -> None:
    settings = next(one for one in case.config if one["name"] == "nets")
    for config in case.config:
        if "args" in config and case.offered(config["name"], config):
            run(case, config, settings)


def run(case: Case, config: dict[str, Any], settings: dict[str, Any]) -> None:
    name, args = config["name"], config["args"]
    levels = case[f"{name}/small_lq"].repeat(8, 0).repeat(8, 1)
    picture = torch.from_numpy(levels).permute(2, 0, 1)[None].float() / 255
    how = Latent(
        control_scale=args["strength"], cfg=args["cfg_scale"], rising=args["rescale_cfg"], augment=args["noise_aug"], unlike="neg"
    )
    release = Release(walk=args["sampler_type"], begin=args["start_point_type"])
    parts, draws = networks(settings, config["zsnr"]), stored(config)
    found = published.restore(picture, cleaner(settings), parts, how, release, args["steps"], draws, tiling(args), **knobs(args))
    out = found.levels.numpy()
    assert [list(one.shape) for one in (found.clean, found.condition, found.latents)] == [
        config[f"{part}_shape"] for part in ("clean", "cond", "z")
    ]
    assert [1, *out.shape] == config["out_shape"]
    close(found.clean[0, :, -32:, -32:], case[f"{name}/clean_corner"], what=name, **LATENTS)
    close(found.condition[0, :, -12:, -12:], case[f"{name}/cond_corner"], what=name, **LATENTS)
    close(found.latents[0, :, -12:, -12:], case[f"{name}/z_corner"], what=name, **LATENTS)
    close(found.latents.mean((0, 2, 3)), case[f"{name}/z_mean"], what=name, **LATENTS)
    levels_close(out[200:248, 240:288], case[f"{name}/out_centre"], name)
    levels_close(out[-48:, -48:], case[f"{name}/out_corner"], name)
    close(out.mean((0, 1)), case[f"{name}/out_mean"], abs=0.01, what=name)


def levels_close(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Within 1 for 99.5 % of the values, within 2 for all."""
    close(found, expected, abs=2, what=what)
    assert (np.abs(found.astype(int) - expected) <= 1).mean() >= 0.995, what


def networks(settings: dict[str, Any], zsnr: bool) -> Parts:
    prediction, schedule = ("v", "sd-zero-snr") if zsnr else ("eps", "sd-scaled-linear")
    about = Passport(
        name="golden", what="", kind="latent-prior", prediction=prediction, schedule=schedule, steps=1000, clip=False, size=512
    )
    upstream = settings["clip"]["text_cfg"]
    sizes = {"length": upstream["context_length"], "vocabulary": upstream["vocab_size"]}
    tower = fill(nn.ModuleDict({"model": TextTower(upstream["width"], upstream["layers"] - 1, upstream["heads"], **sizes)}))
    contexts = tuple(tower["model"](torch.tensor([settings["tokens"][prompt]])) for prompt in ("pos", "neg"))
    return Parts(about, unet(settings), fill(control_net(settings)), autoencoder(settings), contexts)


def cleaner(settings: dict[str, Any]) -> SwinIR:
    upstream = settings["swinir"]
    (heads,) = set(upstream["num_heads"])
    sizes = {"window": upstream["window_size"], "inner": upstream["mlp_ratio"], "unshuffle": upstream["sf"]}
    network: SwinIR = fill(SwinIR(upstream["embed_dim"], upstream["depths"], heads, **sizes))
    return network


def tiling(args: dict[str, Any]) -> published.Tiling:
    def pair(part: str) -> tuple[int, int] | None:
        return (args[f"{part}_tile_size"], args[f"{part}_tile_stride"]) if args[f"{part}_tiled"] else None

    encoder, decoder = (args[f"vae_{way}_tile_size"] if args[f"vae_{way}_tiled"] else None for way in ("encoder", "decoder"))
    return published.Tiling(pair("cleaner"), encoder, decoder, pair("cldm"))


def knobs(args: dict[str, Any]) -> dict[str, Any]:
    kind = args["sampler_type"]
    return {"eta": args["eta"]} if kind.endswith(("_a", "_sde")) else {}


def stored(config: dict[str, Any]) -> Callable[[Sequence[int]], Noise]:
    """In the order drawn: the start's, that over what is shown if any, then one of each step."""
    first = 1 + (config["args"]["noise_aug"] > 0)

    def of(shape: Sequence[int]) -> Noise:
        def draw(step: int, draw: int = 0) -> Tensor:
            number = first + step - 1 if step else draw
            assert list(shape) == config["noise_shapes"][number][1:] and (step == 0 or draw == 0)
            drawn = np.random.default_rng(config["seed"] * 1000 + number).standard_normal((1, *shape))
            return torch.from_numpy(drawn.astype(np.float32))

        return draw

    return of
