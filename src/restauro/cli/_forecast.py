"""What a photograph will take, said before it is taken, and what would take less where there is too little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from restauro.core.recipe import Latent, Recipe

if TYPE_CHECKING:
    import numpy as np

SMALL = 128
"""Pixels of a side: tiles below it see too little of a picture."""


def forecast(recipe: Recipe, pixels: np.ndarray, device: str, low_memory: bool) -> str:
    """One line; empty for systems that take little. Never a refusal: the system may know better what is free."""
    if recipe.system != "diffbir":
        return ""
    from restauro.core.device import choose_device, free_memory
    from restauro.systems.diffbir.estimate import estimate

    height, width = pixels.shape[:2]
    found, free = estimate(recipe, height, width, low_memory=low_memory), free_memory(choose_device(device))
    calls = f"{found.calls} calls" if found.calls != 1 else "one call"
    said = f"about {_size(found.memory)} of memory at most, {calls} of the prior"
    said += f" for each of {found.tiles} tiles" if found.tiles > 1 else ""
    if found.memory <= free:
        return said
    fits = [
        f"{words} ({_size(less)})"
        for words, other, share, low in _lesser(recipe, height, width, low_memory)
        if (less := estimate(other, int(height * share), int(width * share), low_memory=low).memory) <= free
    ]
    return f"{said}; only {_size(free)} is free: {'it may fail' if not fits else 'try ' + ', or '.join(fits[:3])}"


def _lesser(recipe: Recipe, height: int, width: int, low_memory: bool) -> Iterator[tuple[str, Recipe, float, bool]]:
    """What may be asked for instead, the best first: words, recipe, share of the photograph's sides, little memory."""
    latent = recipe.latent or Latent()
    little = "" if low_memory else "--low-memory"
    tiles = [side for side in (latent.tile_size // 2, latent.tile_size // 4) if side >= SMALL]
    for words, low in (("", low_memory), (little, True))[: 1 if low_memory else 2]:
        if words:
            yield words, recipe, 1.0, low
        for side in tiles:
            smaller = msgspec.structs.replace(recipe, latent=msgspec.structs.replace(latent, tile_size=side))
            yield " ".join(filter(None, (words, f"--tile-size {side}"))), smaller, 1.0, low
    for share in (0.5, 0.25):
        of = f"a picture of {int(width * share)} x {int(height * share)}"
        yield " and ".join(filter(None, (of, little))), recipe, share, True


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
