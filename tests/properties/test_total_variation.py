"""Total variation of pictures whose edges can be counted."""

from __future__ import annotations

import pytest
import torch

from restauro.diffusion.contract import Observation
from restauro.properties.total_variation import SMOOTH, TotalVariation
from tests.laws.pictures import waves

OBSERVED = Observation(torch.zeros(1, 3, 8, 8))


def measured(picture: torch.Tensor, **knobs: str) -> float:
    prop = TotalVariation(**knobs)  # type: ignore[arg-type]
    return float(prop.distance(picture, prop.target(OBSERVED)))


def test_it_is_the_height_of_an_edge_times_its_length() -> None:
    """In sides of the picture: an upright edge from black to white is 2, whatever the size; a flat picture has none."""
    for size in (64, 256):
        edge = torch.ones(1, 3, size, size, dtype=torch.float64)
        edge[..., : size // 2] = -1
        assert measured(edge) == pytest.approx(2, abs=SMOOTH / size + 1e-9)
        assert measured(torch.full_like(edge, 0.3)) == pytest.approx(0, abs=1e-12)


def test_a_slope_is_shorter_than_its_two_legs() -> None:
    """One that rises by 30 a side to the right and by 40 downwards; the last row and column have no neighbour to differ from."""
    place = torch.arange(256, dtype=torch.float64) / 256
    slope = (40 * place[:, None] + 30 * place).expand(1, 3, -1, -1)
    assert measured(slope) == pytest.approx(50, rel=0.02)
    assert measured(slope, kind="anisotropic") == pytest.approx(70, rel=0.02)


@pytest.mark.parametrize("kind", ["isotropic", "anisotropic"])
def test_its_gradient_is_the_derivative(kind: str) -> None:
    """Against finite differences, also where the picture is flat."""
    picture = waves(1, 2, 6)
    picture[:, :, :3] = 0.25
    prop = TotalVariation(kind=kind)  # type: ignore[arg-type]
    assert torch.autograd.gradcheck(lambda x: prop.distance(x, None), picture.requires_grad_())


def test_descending_takes_grain_and_leaves_the_edge() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.ones(1, 3, 32, 32, dtype=torch.float64) * 0.5
    clean[..., :16] = -0.5
    picture = clean + 0.1 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    prop, before = TotalVariation(), float((picture - clean).square().mean())
    for _ in range(60):
        picture = picture - 0.5 * prop.gradient(picture, None)
    assert float((picture - clean).square().mean()) < 0.4 * before
    assert float((picture[..., 16] - picture[..., 15]).mean()) > 0.7
