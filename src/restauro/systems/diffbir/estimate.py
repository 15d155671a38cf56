"""What a photograph will take with DiffBIR, said before any weight is read: memory at most, and calls of the prior."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from restauro.core.recipe import Latent, Recipe
from restauro.restorers.smooth import restoring
from restauro.restorers.strips import KEPT
from restauro.systems._built import property_of
from restauro.systems.diffbir import engine
from restauro.systems.diffbir.cleaning import WHOLE, cleaned_by
from restauro.systems.diffbir.codec import LatentCodec
from restauro.systems.diffbir.denoiser import TOGETHER, own_tiles
from restauro.systems.diffbir.parts import Parts, checked
from restauro.systems.diffbir.sizes import LEAST, enlarged, padded
from restauro.weights.build import skeleton
from restauro.weights.footprint import Ledger, parameters
from restauro.weights.foreign import ARCHITECTURE
from restauro.weights.store import find

SLACK = 1.4
"""Times what layers hold: convolutions rearrange what they are given, and what is given back is not at once used again."""
PICTURES = 100
"""Bytes a pixel of the photograph and of what is made of it, whatever the networks."""
UNKNOWN = 2000
"""Bytes a pixel that a first stage of others takes, whose layers cannot be asked."""
FACES = 16 * 128**2
"""Pixels of faces that are restored at once."""


class Estimate(NamedTuple):
    """memory: bytes at most, on the device and beyond the program itself. calls: of the prior, each of so many tiles."""

    memory: int
    calls: int
    tiles: int


Working = Iterator[tuple[str, float]]
"""Parts that work, and the bytes that their layers take."""


def estimate(recipe: Recipe, height: int, width: int, *, low_memory: bool = False) -> Estimate:
    """For a photograph of this size, by passports alone. Raises WeightsError where weights are missing or do not go together."""
    latent = recipe.latent or Latent()
    names = {"restorer": recipe.restorer, "prior": recipe.prior, "control": latent.control, "autoencoder": latent.autoencoder}
    about = checked(recipe)
    if about.arguments.get("context"):
        names["text"] = latent.text
    networks: dict[str, Any] = {
        part: _layers(name) if part == "restorer" else skeleton(find(name)[0]) for part, name in names.items()
    }
    files = {part: find(name)[1].stat().st_size for part, name in names.items()}
    sizes = {part: parameters(one) if one else files[part] for part, one in networks.items()}
    parts = Parts(about, *(networks[part].eval().requires_grad_(False) for part in ("prior", "control", "autoencoder")))
    shown = _shown(recipe, parts, height, width)
    works = [*_walk(recipe, parts, shown)]
    seen = (height, width) if about.face_template or recipe.aligned else shown.shape[-2:]
    for picture in {shown.shape, (1, 3, *seen)}:
        works.append(("restorer", _first_stage(recipe, networks["restorer"], torch.empty(picture, device="meta"))))
    if low_memory:
        memory = max(*(sizes[part] + files[part] for part in names), *(sizes[part] + SLACK * layers for part, layers in works))
    else:
        memory = sum(sizes.values()) + max(*files.values(), *(SLACK * layers for _, layers in works))
    pixels = max(height * width * recipe.upscale**2, shown[:, :1].numel())
    return Estimate(round(memory + PICTURES * pixels), engine.calls(recipe), len(_tiles(recipe, parts, shown)))


def _layers(name: str) -> nn.Module | None:
    """None where only the file tells them."""
    about = find(name)[0]
    return None if about.architecture == ARCHITECTURE else skeleton(about).eval().requires_grad_(False)


def _shown(recipe: Recipe, parts: Parts, height: int, width: int) -> Tensor:
    """As large as what the prior restores at once: the photograph, or as many of its faces as go together."""
    if parts.about.face_template or recipe.aligned:
        side = LEAST if recipe.faithful else parts.about.size
        count = 1 if recipe.aligned else max(1, FACES // side**2)
        return torch.empty(count, 3, side, side, device="meta")
    picture = torch.empty(1, 3, height * recipe.upscale, width * recipe.upscale, device="meta")
    return padded(enlarged(picture, LEAST if recipe.faithful else parts.about.size), parts.multiple)


def _tiles(recipe: Recipe, parts: Parts, shown: Tensor) -> list[Any]:
    whole = recipe.faithful and not (recipe.released and recipe.released.tiled)
    side = max(shown.shape) if whole else (recipe.latent or Latent()).tile_size
    return own_tiles(parts, side, shown[..., :: parts.multiple // parts.places, :: parts.multiple // parts.places])


def _first_stage(recipe: Recipe, network: nn.Module | None, shown: Tensor) -> float:
    if network is None:
        return UNKNOWN * min(shown[:, :1].numel(), WHOLE)
    how = restoring(find(recipe.restorer)[0], network)
    return _held(network, lambda: cleaned_by(how, shown), shown)


def _walk(recipe: Recipe, parts: Parts, shown: Tensor) -> Working:
    """Coding, the walk in latents, and decoding, with a gradient where a wish asks for one."""
    latent, codec = recipe.latent or Latent(), LatentCodec(parts.autoencoder)  # type: ignore[arg-type]
    prior: Any = parts.about.arguments
    factor, channels = parts.multiple // parts.places, int(prior["in_channels"])
    yield "autoencoder", _held(parts.autoencoder, lambda: codec.encode(shown), shown)
    latents = torch.empty(len(shown), channels, shown.shape[-2] // factor, shown.shape[-1] // factor, device="meta")
    yield "autoencoder", _held(parts.autoencoder, lambda: codec.decode(latents), shown)
    if not recipe.faithful and any(property_of(want).project is None for want in recipe.wants):
        yield "autoencoder", _held(parts.autoencoder, lambda: _gradient(codec, latents), shown)
    where = _tiles(recipe, parts, shown)
    told = torch.empty(len(shown) * (2 if latent.cfg > 1 else 1), device="meta")
    x = torch.empty(len(told), channels, *(end - begin for begin, end in (where[0][:2], where[0][2:4])), device="meta")
    context = [torch.empty(len(told), 77, int(prior["context"]), device="meta")] if prior.get("context") else []
    heard: list[Tensor] = []
    if latent.control_scale:
        yield "control", _held(parts.control, lambda: heard.extend(parts.control(x, x, told, *context)))
    kept = min(TOGETHER, len(where)) * sum(one.nbytes for one in heard)
    yield "prior", kept + _held(parts.prior, lambda: parts.prior(x, told, context=context[0] if context else None, control=heard))


def _gradient(codec: LatentCodec, latents: Tensor) -> None:
    with torch.enable_grad():
        leaf = latents.requires_grad_(True)
        torch.autograd.grad(codec.decode(leaf).square().sum(), leaf)


def _held(network: nn.Module, work: Callable[[], Any], shown: Tensor | None = None) -> float:
    """Bytes at most. Layers of what is coded or restored in strips lie in files."""
    strips = shown is not None and shown[0, 0].numel() > WHOLE
    with torch.no_grad(), Ledger(network, KEPT if strips else 0) as ledger:
        work()
    return float(ledger.most)
