"""A prior of latents as a denoiser: shown the first stage's answer by a control, told prompts, in tiles where it is large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from restauro.core.recipe import Latent
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.free_guidance import classifier_free, rising
from restauro.photo.tiled import tiled
from restauro.photo.tiles import Tile, tiles
from restauro.systems._prior import precision, read_as_said
from restauro.systems.diffbir.parts import Parts

OVERLAP = 0.5
"""Of a tile, at least, so that each place is near the middle of one."""


def latent_denoiser(parts: Parts, how: Latent, shown: Tensor, windows: Sequence[Tile] | None = None) -> NetworkDenoiser:
    """The denoiser, on its training schedule, of latents like `shown`, (N, c, h, w): those of the first stage's answer.

    windows: what a call sees; default: tiles of `how.tile_size` pixels. Each step blends the answers of all of them.
    """

    def network(x: Tensor, seen: Tensor, told: Tensor, *context: Tensor) -> Tensor:
        with precision(x.device):
            said = context[0] if context else None
            heard = parts.control(x, seen, told, said) if how.control_scale else []
            answer: Tensor = parts.prior(x, told, context=said, control=[how.control_scale * one for one in heard])
            return answer.float()

    where = own_tiles(parts, how.tile_size, shown) if windows is None else windows

    def everywhere(x: Tensor, told: Tensor, seen: Tensor, *context: Tensor) -> Tensor:
        if len(where) == 1:
            return network(x, seen, told, *context)
        return tiled(lambda x, seen: network(x, seen, told, *context), [x, seen], where, where)

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
