"""A prior of latents as a denoiser: shown the first stage's answer by a control, told prompts, in tiles where it is large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from restauro.core.recipe import Latent
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.free_guidance import classifier_free, rising
from restauro.photo.tiled import blended, cut
from restauro.photo.tiles import Tile, tiles
from restauro.systems._prior import precision, read_as_said
from restauro.systems.diffbir.parts import Parts

OVERLAP = 0.5
"""Of a tile, at least, so that each place is near the middle of one."""
TOGETHER = 16
"""Tiles that the control is asked about before the prior is; what it says of them is kept until then."""


def latent_denoiser(parts: Parts, how: Latent, shown: Tensor, windows: Sequence[Tile] | None = None) -> NetworkDenoiser:
    """The denoiser, on its training schedule, of latents like `shown`, (N, c, h, w): those of the first stage's answer.

    windows: what a call sees; default: tiles of `how.tile_size` pixels. Each step blends the answers of all of them.
    """

    def hears(x: Tensor, seen: Tensor, told: Tensor, *context: Tensor) -> list[Tensor]:
        with precision(x.device):
            heard = parts.control(x, seen, told, *context) if how.control_scale else []
            return [how.control_scale * one for one in heard]

    def says(x: Tensor, heard: list[Tensor], told: Tensor, context: Tensor | None = None) -> Tensor:
        with precision(x.device):
            answer: Tensor = parts.prior(x, told, context=context, control=heard)
            return answer.float()

    where = own_tiles(parts, how.tile_size, shown) if windows is None else windows

    def answers(x: Tensor, told: Tensor, seen: Tensor, *context: Tensor) -> Iterator[Tensor]:
        """Of each tile. The control is asked about several before the prior is: one of the two need not lie in memory then."""
        for first in range(0, len(where), TOGETHER):
            seen_there = [cut([x, seen], tile) for tile in where[first : first + TOGETHER]]
            heard = [hears(*there, told, *context) for there in seen_there]
            for here, _ in seen_there:
                yield says(here, heard.pop(0), told, *context)

    def everywhere(x: Tensor, told: Tensor, seen: Tensor, *context: Tensor) -> Tensor:
        return blended(answers(x, told, seen, *context), where)

    wanted, unwanted = ([shown, *context] for context in (parts.contexts[:1], parts.contexts[1:]))
    strength = rising(how.cfg) if how.rising else how.cfg
    call = classifier_free(everywhere, wanted, unwanted, strength)
    channels, height, width = shown.shape[1:]
    return replace(read_as_said(parts.about, call, (channels, height, width)), clip=False)


def own_tiles(parts: Parts, tile: int, latents: Tensor) -> list[Tile]:
    """Of a side in pixels, whole places of the prior; weighed so that their borders hardly count."""
    side = max(1, tile // parts.multiple) * parts.places
    overlap = min(side - 1, int(side * OVERLAP))
    return list(tiles(latents.shape[-2], latents.shape[-1], side, overlap, weights="gaussian"))
