"""Tiles of the walk in latents: no seams, near to one piece, in memory that does not grow with the photograph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro import api
from restauro.systems.diffbir import denoiser
from restauro.systems.diffbir.denoiser import latent_denoiser, own_tiles
from restauro.systems.diffbir.parts import Parts
from tests.systems.diffbir.latent_weights import ours, stock
from tests.systems.oldphotos.old_weights import photograph

CPU = torch.device("cpu")
APART = 3.5
"""Levels of 255, root mean square, by which tiles of 64 pixels may differ from one piece under weights drawn at random, whose
norms and attention see no more than a tile."""


@pytest.fixture(scope="module")
def names(restauro_home: Path) -> dict[str, str]:
    return stock("any-tiled", face_template="")


@pytest.mark.parametrize("changes", [{}, {"fidelity": 0.9}])
def test_they_leave_no_seams_and_are_near_to_one_piece(names: dict[str, str], changes: dict[str, Any]) -> None:
    """With the guidance by regions, too: it is of the whole picture, and knows no tiles."""
    pixels = photograph(96, 160)
    tiled, whole = (api.run(pixels, ours(names, tile_size=side, **changes)).pixels for side in (64, 512))
    assert 0 < 255 * np.sqrt(np.square(tiled - whole).mean()) < APART
    change = tiled - pixels
    for axis, borders in ((0, (32, 64)), (1, (32, 64, 96, 128))):  # where tiles begin and end
        slope = np.abs(np.diff(change, axis=axis)).mean((1 - axis, 2))
        at = [border - 1 for border in borders]
        assert slope[at].mean() <= 1.2 * np.delete(slope, at).mean()


def test_they_weigh_most_in_their_middle(names: dict[str, str]) -> None:
    parts = Parts.load(ours(names), CPU)
    where = own_tiles(parts, 64, torch.empty(1, 3, 24, 40))
    total = np.zeros((24, 40))
    for tile in where:
        total[tile.where] += tile.weight
    np.testing.assert_allclose(total, 1, atol=1e-6)
    inner = next(tile for tile in where if tile.left and tile.right < 40)
    assert inner.columns.argmax() in (7, 8) and inner.columns[0] < 0.05 * inner.columns.max()


def test_where_a_network_answers_for_its_place_alone_they_are_exact(
    names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order in which the two networks are asked."""

    def control(x: Tensor, seen: Tensor, told: Tensor) -> list[Tensor]:
        return [0.3 * x + seen]

    def prior(x: Tensor, told: Tensor, *, context: Any, control: list[Tensor]) -> Tensor:
        return x.sin() + control[0]

    recipe = ours(names)
    parts = Parts.load(recipe, CPU)
    simple = Parts(parts.about, prior, control, parts.autoencoder)  # type: ignore[arg-type]
    shown, x = (torch.randn(1, 3, 24, 40, generator=torch.Generator().manual_seed(i)) for i in range(2))
    monkeypatch.setattr(Parts, "places", 2)
    found = []
    for side, together in ((512, 16), (64, 16), (64, 1), (64, 4)):
        monkeypatch.setattr(denoiser, "TOGETHER", together)
        latent = ours(names, tile_size=side).latent
        assert latent is not None
        found.append(latent_denoiser(simple, latent, shown)(x, 500).clean)
    for one in found[1:]:
        torch.testing.assert_close(one, found[0], atol=1e-5, rtol=0)


def test_no_call_is_larger_than_a_tile(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Defect 25: of a panorama, of which one side is shorter than a tile, neither."""
    from restauro.networks.unet import UNet

    sides: list[tuple[int, ...]] = []
    real = UNet.forward

    def forward(self: UNet, x: Tensor, *more: Any, **others: Any) -> Tensor:
        sides.append(tuple(x.shape[-2:]))
        return real(self, x, *more, **others)

    monkeypatch.setattr(UNet, "forward", forward)
    api.run(photograph(40, 288), ours(names, steps=1, tile_size=64))
    seen_by_the_prior = {one for one in sides if one[-1] < 40}
    assert seen_by_the_prior == {(10, 16)}
