"""The way of a picture through DiffBIR's releases (1, 2 and 2.1), defects included: zeros at the borders, levels cut off.

Pictures are (1, 3, H, W) in [0, 1] between the stages, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.core.events import Event, Listener, silent
from restauro.core.knobs import parse_settings
from restauro.core.noise import Noise, PictureNoise
from restauro.core.recipe import Latent, Recipe, Release
from restauro.diffusion.contract import Guidance, Observation, Unguided
from restauro.diffusion.schedule import NoiseSchedule
from restauro.photo.tiled import tiled
from restauro.photo.tiles import Tile, tiles, windows
from restauro.properties.region_adaptive import RegionAdaptive
from restauro.systems._prior import trained
from restauro.systems.diffbir import published_tiles
from restauro.systems.diffbir.colour_fix import colour_fixed
from restauro.systems.diffbir.denoiser import latent_denoiser
from restauro.systems.diffbir.guidance import PublishedGuidance
from restauro.systems.diffbir.pairing import warn_of_a_wrong_pair
from restauro.systems.diffbir.parts import Parts
from restauro.systems.diffbir.published_samplers import published
from restauro.systems.diffbir.sizes import LEAST, at_least, enlarged, padded
from restauro.weights.store import find, load

Draws = Callable[[Sequence[int]], Noise]
CLEANER = 64
"""What the sides are brought to before the first stage, and before the autoencoder."""
PLACES = 8
"""What the sides of latents are."""


class Tiling(NamedTuple):
    """Sides of tiles in pixels, and how far the next one is; None: in one piece. The autoencoder's overlap by a fixed number."""

    cleaner: tuple[int, int] | None = None
    encoder: int | None = None
    decoder: int | None = None
    prior: tuple[int, int] | None = None

    @classmethod
    def of(cls, side: int) -> Tiling:
        """As the releases have them by default: tiles of `side` pixels, of half of it in the autoencoder."""
        return cls((side, side // 2), side // 2, side // 2, (side, side // 2))


class Found(NamedTuple):
    """levels: (H, W, 3) uint8, a tensor. clean: of the first stage, (1, 3, h, w). condition, latents: (1, c, h / 8, w / 8)."""

    levels: Tensor
    clean: Tensor
    condition: Tensor
    latents: Tensor


def restore(
    picture: Tensor,
    cleaner: nn.Module,
    parts: Parts,
    how: Latent,
    release: Release,
    steps: int,
    draws: Draws,
    tiling: Tiling = Tiling(),  # noqa: B008  # a value
    listener: Listener = silent,
    larger: int = 1,
    **knobs: Any,
) -> Found:
    """(1, 3, H, W) in [0, 1] to the same size, or so many times that.

    draws: of a shape (c, h, w) the noise: `noise(0)` for the start, `noise(0, 1)` over what the prior is shown, `noise(i, ...)`
    of step i. knobs: the sampler's.
    """
    size = picture.shape[-2] * larger, picture.shape[-1] * larger
    clean = cleaned(picture, cleaner, tiling, size)
    condition, whole = encoded(clean, parts, tiling)
    schedule, noise = trained(parts.about), draws(condition.shape[1:])
    shown = schedule.q_sample(condition, how.augment, noise(0, 1)) if how.augment else condition
    where = _windows(condition, parts, tiling.prior, even=release.release == "v1")
    denoiser = latent_denoiser(parts, how, shown, where)
    name, told = parse_settings(release.walk)
    walk = published(name, schedule, steps, **told, **knobs)
    start = noise(0)
    if release.begin == "cond":
        start = schedule.q_sample(condition, len(schedule) - 1, start)
    x = start
    for step in walk.steps(denoiser, start, guidance_of(release, clean, parts, walk.schedule), noise):
        listener(Event("steps", step.index + 1, step.total))
        x = step.x
    latents = x[..., : whole[0], : whole[1]]
    seen = decoded(latents, parts, tiling)[..., : clean.shape[-2], : clean.shape[-1]]
    return Found(_levels((seen + 1) / 2, clean, how, size), clean, condition, latents)


def cleaned(picture: Tensor, cleaner: nn.Module, tiling: Tiling, size: tuple[int, int]) -> Tensor:
    """The first stage, at a size with a short side of 512 or more. In one piece a network of multiples of 64, which keeps the
    size, is shown the enlarged picture; the answers of others are brought to it, those of networks that enlarge as well."""
    if tiling.cleaner is None and int(getattr(cleaner, "multiple", 1)) == CLEANER:
        large = enlarged(picture, LEAST)
        height, width = large.shape[-2:]
        return cleaner(padded(large, CLEANER, zeros=True))[..., :height, :width]
    answer, wanted = _in_windows(picture, cleaner, tiling.cleaner), at_least(*size, LEAST)
    return answer if answer.shape[-2:] == wanted else F.interpolate(answer, wanted, mode="bicubic", antialias=True)


def _in_windows(picture: Tensor, cleaner: nn.Module, tile: tuple[int, int] | None) -> Tensor:
    height, width = picture.shape[-2:]
    scale = int(getattr(cleaner, "scale", 1))
    if tile is None or min(height, width) < tile[0]:
        multiple = int(getattr(cleaner, "multiple", 1))
        return cleaner(padded(picture, multiple, zeros=True))[..., : scale * height, : scale * width]
    where, put = list(windows(height, width, *tile)), list(windows(height, width, *tile, scale=scale))
    return tiled(cleaner, [picture], where, put)


def encoded(clean: Tensor, parts: Parts, tiling: Tiling) -> tuple[Tensor, tuple[int, int]]:
    """What the prior is shown, (1, c, h, w), and the size that is kept of the latents."""
    small = tiling.encoder is not None or tiling.prior is not None
    pixels = padded(clean, PLACES if small else CLEANER, zeros=True) * 2 - 1
    if tiling.encoder is None:
        condition = parts.codec.encode(pixels)
    else:
        network: Any = parts.autoencoder
        moments = network.quant_conv(published_tiles.encoded(network, pixels, tiling.encoder))
        condition = network.scale * moments.chunk(2, 1)[0]
    whole = (condition.shape[-2], condition.shape[-1])
    return (padded(condition, PLACES, zeros=True) if tiling.prior is None else condition), whole


def decoded(latents: Tensor, parts: Parts, tiling: Tiling) -> Tensor:
    if tiling.decoder is None:
        return parts.codec.decode(latents)
    network: Any = parts.autoencoder
    return published_tiles.decoded(network, latents / network.scale, tiling.decoder // int(network.multiple))


def _windows(latents: Tensor, parts: Parts, tile: tuple[int, int] | None, *, even: bool) -> list[Tile]:
    """What the prior sees in a call. A picture of which one side is shorter than a tile is not tiled (defect 25)."""
    height, width = latents.shape[-2:]
    factor = int(parts.autoencoder.multiple)  # type: ignore[arg-type]
    if tile is None or min(height, width) < tile[0] // factor:
        return list(tiles(height, width, max(height, width), 0))
    return list(windows(height, width, tile[0] // factor, tile[1] // factor, even=even))


def guidance_of(release: Release, clean: Tensor, parts: Parts, schedule: NoiseSchedule) -> Guidance:
    """Version 2.1 has the options and does nothing by them (defect 1), so it is refused there."""
    if not release.pull:
        return Unguided()
    form: Any = "paper" if release.formula == "paper" else release.release
    if form == "v2.1":
        raise RecipeError("version 2.1 has no restoration guidance: take release v2, formula paper, or fidelity without faithful")
    target = padded(clean, CLEANER, zeros=True) * 2 - 1
    wanted = None if release.regions and form != "v1" else RegionAdaptive(regions="all")
    seen, window = Observation(target, restored=target), (release.pull_to, release.pull_from)
    return PublishedGuidance(
        form, seen, schedule, parts.codec, release.pull, release.space, release.pulls, window=window, wanted=wanted
    )


def _levels(seen: Tensor, clean: Tensor, how: Latent, size: Sequence[int]) -> Tensor:
    """The colours put right, brought to the picture's size, cut off (defect 14)."""
    content, style = (one[0].permute(1, 2, 0).float().cpu().numpy() for one in (seen, clean))
    fixed = torch.from_numpy(colour_fixed(content, style, how.colour_fix)).permute(2, 0, 1)[None]
    if fixed.shape[-2:] != tuple(size):
        fixed = F.interpolate(fixed, tuple(size), mode="bicubic", antialias=True)
    return (fixed[0].permute(1, 2, 0) * 255).clamp(0, 255).to(torch.uint8)


def larger(recipe: Recipe) -> int:
    """How many times larger than what they see the releases' first stage makes a whole photograph; 1: it is shown it enlarged."""
    return recipe.upscale if find(recipe.restorer)[0].kind == "upscaler" and not recipe.aligned else 1


def as_released(recipe: Recipe, parts: Parts, pictures: Tensor, numbers: Sequence[int], listener: Listener) -> Tensor:
    """(N, 3, H, W) in [-1, 1] to the same, or so many times larger, by the recipe's release; one after the other, as there."""
    how, release, device = recipe.latent or Latent(), recipe.released or Release(), pictures.device
    if find(recipe.restorer)[0].range != (0.0, 1.0):
        raise RecipeError(f"{recipe.restorer!r} is no first stage of DiffBIR's releases: those see black as 0 and white as 1")
    cleaner, tiling = load(recipe.restorer, device), Tiling.of(how.tile_size) if release.tiled else Tiling()
    found: list[Tensor] = []
    for number, picture in zip(numbers, pictures, strict=True):

        def draws(shape: Sequence[int], number: int = number) -> Noise:
            return PictureNoise(recipe.seed, [number], shape, device)

        seen, size = (picture[None] + 1) / 2, larger(recipe)
        made = restore(seen, cleaner, parts, how, release, recipe.steps, draws, tiling, listener, size)
        if not found:
            warn_of_a_wrong_pair(recipe, parts, made.condition, draws(made.condition.shape[1:]))
        found.append(made.levels.permute(2, 0, 1).to(pictures) / 127.5 - 1)
    return torch.stack(found)
