"""Upstream's vocabulary in ours: schedules, respacings, toy networks, U-Net arguments, stored noise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restauro.diffusion import betas
from restauro.diffusion.contract import Step
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.unet import UNet
from tests.goldens.pgdiff_networks import openai_arguments
from tests.goldens.runner import fill

KINDS = {
    "openai": {"linear": "openai-linear", "cosine": "cosine"},
    "openai.betas_for_alpha_bar": {"sqrt": "sqrt-as-alpha-bar"},
    "ho": {kind: f"ho-{kind}" for kind in ("linear", "quad", "warmup10", "warmup50", "const", "jsd")},
    "diffusers": {"linear": "ho-linear", "scaled_linear": "ho-quad", "squaredcos_cap_v2": "cosine", "sigmoid": "sigmoid"},
    "ldm": {"linear": "ho-quad", "cosine": "cosine", "sqrt_linear": "ldm-sqrt-linear", "sqrt": "ldm-sqrt"},
}
KINDS["sr3repo"] = KINDS["ho"] | {"cosine": "cosine"}


def schedule(
    kind: str, T: int, source: str = "openai", respacing: Any = "", start: float | None = None, end: float | None = None
) -> NoiseSchedule:
    """Upstream takes ends for every kind and ignores them where the kind has none."""
    name = KINDS[source][kind]
    if betas.KINDS[name].start is None:
        start = end = None
    return NoiseSchedule.named(name, T, start, end).respace(sections(respacing))


def sections(respacing: Any) -> str:
    """OpenAI's section counts: a string, or a list of numbers."""
    return ",".join(map(str, respacing)) if isinstance(respacing, list) else respacing


def toy(words: str, learned: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """The network that `config.toy` describes: eps = sin(a x + b t); variance = cos(c x - d t)."""
    number = r"(-?[\d.]+)"
    a, b = map(float, re.search(rf"sin\({number} ?\* ?x ?\+ ?{number} ?\* ?t\)", words).groups())  # type: ignore[union-attr]
    if not learned:
        return lambda x, t: torch.sin(a * x + b * t[:, None, None, None])
    c, d = map(float, re.search(rf"cos\({number} ?\* ?x ?- ?{number} ?\* ?t\)", words).groups())  # type: ignore[union-attr]

    def network(x: Tensor, t: Tensor) -> Tensor:
        t = t[:, None, None, None]
        return torch.cat([torch.sin(a * x + b * t), torch.cos(c * x - d * t)], 1)

    return network


def openai_unet(arguments: dict[str, Any]) -> UNet:
    """The U-Net of OpenAI's constructor arguments, with formula-made weights."""
    network: UNet = fill(UNet(**openai_arguments(arguments)))
    return network


def learned(arguments: dict[str, Any]) -> bool:
    """Whether a U-Net's output carries a variance."""
    return bool(arguments["out_channels"] == 2 * arguments["in_channels"])


def stored(noise: Tensor, first: int) -> Callable[..., Tensor]:
    """Stored draws as a `Noise`: the step's own draw is noise[step + first]."""

    def draw(step: int, draw: int = 0) -> Tensor:
        assert draw == 0, "one draw per step is stored"
        return noise[step + first]

    return draw


def in_turn(noise: Tensor, draws: int) -> Callable[..., Tensor]:
    """Stored draws as a `Noise`, in the order of use: so many at every step."""

    def draw(step: int, draw: int = 0) -> Tensor:
        assert draw < draws, f"{draws} draws per step are stored"
        return noise[draws * (step - 1) + draw]

    return draw


def no_noise(step: int, draw: int = 0) -> Tensor:
    raise AssertionError("this sampler draws nothing")


def walked(steps: Iterator[Step]) -> list[Step]:
    return list(steps)


def states(steps: list[Step]) -> np.ndarray:
    return np.stack([step.x.detach().numpy() for step in steps])


def cleans(steps: list[Step]) -> np.ndarray:
    return np.stack([step.clean.detach().numpy() for step in steps])


def between(sigma_min: float, sigma_max: float) -> NoiseSchedule:
    """A schedule of its two ends, to be respaced."""
    return NoiseSchedule.from_alphas_cumprod([1 / (1 + sigma_min**2), 1 / (1 + sigma_max**2)])
