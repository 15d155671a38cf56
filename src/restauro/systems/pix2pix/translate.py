"""A photograph of any size through a generator: as its weights were trained, in one pass, never resized."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn

from restauro.core.errors import WeightsError
from restauro.core.events import Listener, silent
from restauro.networks.dropout import Dropout, drawn, dropping
from restauro.photo.colour import LUMA, from_codes, into_range, to_codes
from restauro.restorers.colour import FROM_CHROMA, TO_CHROMA, colorizer
from restauro.restorers.strips import through
from restauro.weights.passports import Passport
from restauro.weights.store import find, load

KINDS = ("translator", "restorer")
CHANNELS = ((3, 3), (1, 1), (1, 2), (1, 3), (3, 1))
"""Of pictures as photographs can be shown and answered: grey is their luma, two channels are a* and b* of a third, L*."""


def translate(
    pixels: np.ndarray, model: str, device: torch.device, *, dropout_seed: int | None = None, listener: Listener = silent
) -> np.ndarray:
    """(H, W, 3) float sRGB in [0, 1] to the same size, float32.

    dropout_seed: dropout stays on and draws from this; else it is off. Raises WeightsError for weights that translate nothing.
    """
    passport, _ = find(model)
    if passport.architecture == "colorizer":
        return colorizer(model, device)(pixels)
    shown, answered = channels_of(passport)
    network = load(model, device)
    black, white = passport.range
    with _noise(network, dropout_seed):
        found = through(network, _encoded(pixels, shown, answered) * (white - black) + black, listener)
    if not np.isfinite(found).all():
        raise WeightsError(f"{model!r} answers with numbers that are not finite: its weights are unusable")
    return _decoded((found - black) / (white - black), pixels, answered)


def channels_of(passport: Passport) -> tuple[int, int]:
    """What a generator is shown and what it answers. Raises WeightsError where that is no photograph."""
    clean = passport.kind in KINDS and passport.prediction in ("", "clean") and passport.architecture != "rrdb-timed"
    if not clean:
        hint = "`restauro models list` shows what is here"
        raise WeightsError(f"{passport.name!r} is a {passport.kind}, not a generator that translates photographs; {hint}")
    arguments = passport.arguments
    found = tuple(int(arguments.get(name, 3)) for name in ("in_channels", "out_channels"))
    if found not in CHANNELS:
        raise WeightsError(f"{passport.name!r} translates {found[0]} channels to {found[1]}: a photograph has one or three")
    return found[0], found[1]


def has_dropout(network: nn.Module) -> bool:
    return any(isinstance(module, Dropout) for module in network.modules())


def _noise(network: nn.Module, seed: int | None) -> AbstractContextManager[Any]:
    generators: Sequence[torch.Generator] = [] if seed is None else [torch.Generator().manual_seed(seed)]
    return dropping(network, drawn(generators)) if generators else nullcontext()


def _encoded(pixels: np.ndarray, shown: int, answered: int) -> np.ndarray:
    """(H, W, `shown`) in [0, 1]: the colours, the luma, or L* where a* and b* are asked for."""
    if shown == 3:
        return np.asarray(pixels, np.float32)
    grey = (pixels @ LUMA)[..., None]
    return (_lightness(grey) + 1) / 2 if answered == 2 else grey


def _decoded(answer: np.ndarray, pixels: np.ndarray, answered: int) -> np.ndarray:
    """(H, W, 3) in [0, 1]. Of a* and b* the chroma is taken, the luma is the photograph's own."""
    if answered != 2:
        return np.broadcast_to(answer, (*answer.shape[:2], 3)).clip(0, 1).astype(np.float32)
    light = (pixels @ LUMA)[..., None]
    colours = from_codes(np.concatenate((_lightness(light), 2 * answer - 1), -1)).astype(np.float32)
    return into_range(light + colours @ TO_CHROMA.T @ FROM_CHROMA)


def _lightness(grey: np.ndarray) -> np.ndarray:
    """L*/50 - 1 of (H, W, 1) in [0, 1]."""
    return to_codes(np.repeat(grey, 3, -1))[..., :1]
