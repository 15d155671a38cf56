"""The photograph as a whole, before its faces: our way, and as published."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch

from restauro.core.events import Event, Listener
from restauro.core.recipe import Recipe, Whole
from restauro.networks.latent_mapping import HighResMapping
from restauro.photo.colour import keep_tone, tone
from restauro.photo.holes import big, check_mask, fill
from restauro.photo.tones import keep_colours, keep_light
from restauro.systems.oldphotos import published
from restauro.systems.oldphotos.recipe import at_hand
from restauro.systems.oldphotos.scratches import MUCH, as_mask, find_scratches
from restauro.systems.oldphotos.sizes import detection_size
from restauro.systems.oldphotos.whole import Trio, restore
from restauro.weights.store import load

BIG = 24.0
"""Pixels from what is there: deeper holes are none that the mapping has learnt to fill."""
SOFT, NEAR = 1.5, 12.0
"""Pixels: how softly a repair ends, and how far around it the tone is looked for that it has to meet."""


class Base(NamedTuple):
    """The photograph restored as a whole, (H, W, 3); where it was scratched, (H, W) in [0, 1]; and what to say of it."""

    pixels: np.ndarray
    mask: np.ndarray
    notices: list[str]


def ours(
    pixels: np.ndarray, given: np.ndarray | None, recipe: Recipe, whole: Whole, device: torch.device, heard: Listener
) -> Base:
    """Its own size, clamped and not stretched. given: (H, W), 1 = missing; None: scratches are looked for."""
    trio = Trio.load(whole, device)
    mask, said = _mask(pixels, given, whole, device, heard)
    if whole.strength == 0 or (whole.only_scratches and not mask.any()):
        return Base(pixels, mask, said)
    deep = big(mask, BIG) if trio.fills else mask > 0
    close = mask if trio.closes else mask * deep
    shown = fill(pixels, close) if close.any() else pixels
    if trio.fills and deep.any():
        said.append(f"{deep.mean():.1%} of the photograph are holes too large for the network: closed from their edges (Telea)")
    out = restore(shown, mask * ~deep, trio, device, whole.detail)
    heard(Event("steps", 1, 1))
    out = keep_light(shown, out, mask == 0, whole.local)
    if recipe.colour == "keep":
        out = _coloured(shown, out, mask == 0)
    if whole.only_scratches:
        out = repaired(pixels, out, mask)
    if whole.strength < 1:
        out = pixels + np.float32(whole.strength) * (out - pixels)
    return Base(out, mask, said)


def _coloured(pixels: np.ndarray, out: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`out` as grey, as much of one tone or as much in colour as the photograph is; yellowed paper may become white."""
    its = tone(pixels)
    if its == "colour":
        return keep_colours(pixels, out, known)
    return keep_tone(pixels if its == "grey" else out, out)


def _mask(
    pixels: np.ndarray, given: np.ndarray | None, whole: Whole, device: torch.device, heard: Listener
) -> tuple[np.ndarray, list[str]]:
    """The holes, and what to say of how they were found."""
    if given is not None:
        check_mask(pixels, given)
        return given, []
    none = np.zeros(pixels.shape[:2], np.float32)
    if not whole.detector:
        return none, []
    if not at_hand(whole.detector):
        return none, [f"scratches were not looked for: the weights {whole.detector!r} are not here"]
    mask = as_mask(find_scratches(pixels, whole.detector, device, heard), whole.sensitivity, whole.grow)
    if (share := float(mask.mean())) > MUCH:
        return none, [f"the detector takes {share:.0%} of the photograph for scratches: they were left; --mask FILE tells them"]
    return mask, []


def repaired(pixels: np.ndarray, out: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`out` inside the holes, in the tone of what is around them; elsewhere the photograph's own pixels, exactly."""
    known = (mask == 0).astype(np.float32)
    soft = cv2.GaussianBlur(cv2.dilate(mask, np.ones((3, 3), np.uint8)), (0, 0), SOFT)
    soft = np.maximum(np.where(soft < 0.02, 0, soft), mask)[:, :, None]
    apart = cv2.GaussianBlur((pixels - out) * known[:, :, None], (0, 0), NEAR)
    nearby = cv2.GaussianBlur(known, (0, 0), NEAR)[:, :, None]
    toned = (out + apart / np.maximum(nearby, 1e-3)).clip(0, 1)
    return np.where(soft > 0, pixels * (1 - soft) + toned * soft, pixels).astype(np.float32)


@torch.no_grad()
def as_published(
    pixels: np.ndarray, given: np.ndarray | None, recipe: Recipe, whole: Whole, device: torch.device, heard: Listener
) -> Base:
    """Resampled to multiples of 4 or 16, and stretched from black to white."""
    trio = Trio.load(whole, device)
    levels, mask = np.rint(pixels * 255).clip(0, 255).astype(np.uint8), None
    if given is not None:
        check_mask(pixels, given)
        size = detection_size(levels.shape[1], levels.shape[0])
        levels, mask = (published.resized(one, size) for one in (levels, np.rint(given * 255).astype(np.uint8)))
    elif whole.detector:
        detector = load(whole.detector, device)
        levels, mask = published.detect(levels, lambda x: detector(x.to(device)).cpu())
    found = published.restore(
        levels,
        lambda x: trio.old.encode(x.to(device)),
        lambda latent, told: published.as_published(trio.mapping)(latent, None if told is None else told.to(device)),
        lambda latent: trio.clean.decode(latent).cpu(),
        mask=mask,
        dilations=3 if isinstance(trio.mapping, HighResMapping) else 0,
    )
    holes = np.zeros(found.written.shape[:2], np.float32) if found.mask is None else found.mask.astype(np.float32)
    said = "as published: resampled, and stretched from the darkest to black and the lightest to white"
    return Base(found.written.astype(np.float32) / 255, holes, [said])
