"""The autoencoder of large pictures is the autoencoder; in the published tiles it is not (defect 12)."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.restorers import strips
from restauro.systems.diffbir import decoding
from restauro.systems.diffbir.codec import Known, LatentCodec
from restauro.systems.diffbir.published_tiles import boxes, encoded, in_step
from tests.laws.pictures import waves


@cache
def network() -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(latent=3, width=16, channel_mult=(1, 2), num_res_blocks=1, groups=4, scale=0.5).eval()


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of a few rows, all layers in files."""
    monkeypatch.setattr(strips, "STRIP", 2**15)
    monkeypatch.setattr(strips, "KEPT", 0)


def half_dark(side: int = 96) -> Tensor:
    """What shows best that tiles have other statistics than the whole."""
    picture = 0.2 * waves(1, 1, side).float() - 0.7
    picture[..., side // 2 :] += 1.4
    return picture


@torch.no_grad()
@pytest.mark.usefixtures("narrow")
def test_in_strips_it_is_the_same() -> None:
    whole, small = LatentCodec(network()), LatentCodec(network(), whole=0)
    pictures = torch.cat([half_dark(40), half_dark(40).flip(3) * 0.5])
    latents = whole.encode(pictures)
    torch.testing.assert_close(small.encode(pictures), latents, atol=1e-5, rtol=0)
    torch.testing.assert_close(small.decode(latents), whole.decode(latents), atol=1e-5, rtol=0)
    assert latents.shape == (2, 3, 20, 20) and whole.decode(latents).shape == pictures.shape
    torch.testing.assert_close(latents, 0.5 * network().encode(pictures)[0])


@pytest.mark.parametrize(("local", "alike"), [(True, 0.95), (False, 0.6)])
def test_a_gradient_taken_in_tiles_points_where_that_of_the_whole_does(
    local: bool, alike: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a distance that asks for something else everywhere, nearly; of one that asks for the picture's mean, in its trend."""
    monkeypatch.setattr(decoding, "TILE", 64)
    monkeypatch.setattr(decoding, "OVERLAP", 24)
    wanted = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    latents = LatentCodec(network()).encode(half_dark()).detach()

    def gradient(codec: LatentCodec) -> tuple[Tensor, Tensor]:
        leaf = latents.clone().requires_grad_(True)
        seen = codec.decode(leaf)
        distance = (seen * wanted).sum() if local else seen.mean((2, 3)).square().sum()
        return seen.detach(), torch.autograd.grad(distance, leaf)[0]

    (picture, whole), (same, tiled) = gradient(LatentCodec(network())), gradient(LatentCodec(network(), whole=0))
    torch.testing.assert_close(same, picture, atol=1e-5, rtol=0)
    assert torch.cosine_similarity(whole.flatten(), tiled.flatten(), 0) > alike
    assert 0.5 < tiled.norm() / whole.norm() < 2


@torch.no_grad()
@pytest.mark.usefixtures("narrow")
def test_published_tiles_are_not_the_whole_and_ours_are() -> None:
    """Defect 12: variances without the variance of means, shared pixels twice, attention inside the tile."""
    picture = half_dark(128)
    whole = network().encoder(picture)
    assert float((encoded(network(), picture, 32) - whole).square().mean() / whole.square().mean()) > 0.01**2
    with strips.Strips(picture.device):
        torch.testing.assert_close(network().encoder(picture), whole, atol=1e-5, rtol=0)


@torch.no_grad()
def test_small_pictures_are_not_tiled() -> None:
    picture = half_dark(96)
    assert torch.equal(encoded(network(), picture, 32), network().encoder(picture))


def test_every_place_is_kept_once() -> None:
    for height, width, tile, pad in ((96, 200, 32, 11), (600, 1000, 256, 32), (50, 34, 16, 11), (70, 500, 10, 3)):
        count = torch.zeros(height, width)
        for box in boxes(height, width, tile, pad):
            count[slice(*box.kept_rows), slice(*box.kept_columns)] += 1
            assert box.rows[0] <= box.kept_rows[0] < box.kept_rows[1] <= box.rows[1]
        assert (count == 1).all()


def test_an_error_in_one_tile_does_not_leave_the_others_waiting() -> None:
    norm = torch.nn.GroupNorm(1, 3)

    def fails(x: Tensor) -> Tensor:
        if x.shape[2] == 5:
            raise ZeroDivisionError
        return norm(x)

    with pytest.raises((ZeroDivisionError, RuntimeError)):
        in_step(fails, [torch.zeros(1, 3, side, 4) for side in (4, 5, 6)])


@torch.no_grad()
def test_what_it_cannot_say_of_the_known_picture_comes_back() -> None:
    codec, picture = LatentCodec(network()), half_dark(40)
    known = Known.of(codec, picture, residual=1.0)
    torch.testing.assert_close(known.decode(known.latents), picture)
    assert known.encode(picture) is known.latents
    other = known.latents + 0.1
    torch.testing.assert_close(known.decode(other) - picture, codec.decode(other) - codec.decode(known.latents))
    assert torch.equal(Known.of(codec, picture).decode(other), codec.decode(other))
