"""Old Photos' networks: official sizes and names, own small sizes, batches. Their numbers are pinned by the goldens."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from restauro.networks.latent_mapping import HighResMapping, LatentMapping, ScratchMapping
from restauro.networks.multiscale_critic import MultiscaleCritic
from restauro.networks.photo_vae import PhotoVAE
from restauro.networks.scratch_detector import ScratchDetector
from restauro.networks.spade import SpadeGenerator
from restauro.networks.spectral import SpectralConv2d
from tests.networks.keys import shapes
from tests.shared import needs_shared

OFFICIAL: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "VAE_A_quality": (PhotoVAE, {}),
    "VAE_B_quality": (PhotoVAE, {}),
    "VAE_B_scratch": (PhotoVAE, {}),
    "mapping_quality": (LatentMapping, {}),
    "mapping_scratch": (ScratchMapping, {}),
    "mapping_Patch_Attention": (HighResMapping, {}),
    "D_vae_image": (MultiscaleCritic, {}),
    "D_vae_latent": (MultiscaleCritic, {"in_channels": 64, "scales": 1}),
    "D_mapping_quality": (MultiscaleCritic, {"in_channels": 6}),
    "D_mapping_scratch": (MultiscaleCritic, {"in_channels": 6, "spectral": True}),
    "detector": (ScratchDetector, {}),
    "face_spade": (SpadeGenerator, {}),
}


@needs_shared
@pytest.mark.parametrize("name", OFFICIAL)
def test_official_names_and_shapes(name: str) -> None:
    kind, arguments = OFFICIAL[name]
    with torch.device("meta"):
        network = kind(**arguments)
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == shapes(name)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("kernel", [3, 4])
def test_every_vae_gives_back_the_size(strides: int, deep: bool, kernel: int) -> None:
    vae = PhotoVAE(4, 8, strides, 1, deep, kernel, bottleneck=5).eval()
    with torch.no_grad():
        latent = vae.encode(noise(2, 3, 32, 24).tanh())
        picture = vae.decode(latent)
    assert latent.shape == (2, vae.latent, 32 // vae.multiple, 24 // vae.multiple) and vae.latent == 5
    assert picture.shape == (2, 3, 32, 24) and picture.abs().max() <= 1


def test_a_vae_whose_widths_do_not_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="2 strides reach 32 channels from 8, not 64"):
        PhotoVAE(8, 64)


def test_noise_moves_the_latent_and_nothing_else() -> None:
    vae, picture = PhotoVAE(4, 8).eval(), noise(1, 3, 16, 16)
    with torch.no_grad():
        latent = vae.encode(picture)
        torch.testing.assert_close(vae(picture, noise(*latent.shape)), vae.decode(latent + noise(*latent.shape)))
        torch.testing.assert_close(vae(picture), vae.decode(latent))


SMALL: dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...]]] = {
    "vae": (PhotoVAE(4, 8), ((3, 16, 24),)),
    "mapping": (LatentMapping(8, 20, 1), ((8, 6, 5),)),
    "scratch-mapping": (ScratchMapping(8, 20, 1, inner=4), ((8, 6, 5), (1, 24, 20))),
    "patch-mapping": (HighResMapping(8, 20), ((8, 9, 10), (1, 37, 41))),
    "detector": (ScratchDetector(1, 6, depth=2), ((1, 12, 16),)),
    "shallow detector": (ScratchDetector(3, 8, depth=3, convs=1, batch_norm=False, up="upconv", tanh=True), ((3, 16, 24),)),
    "faces": (SpadeGenerator(1), ((3, 64, 32),)),
    "faces with a parsing map": (SpadeGenerator(1, parsing=5, levels="more"), ((3, 64, 64), (5, 64, 64))),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_equals_its_pictures(name: str) -> None:
    """In double precision: norms over the few places of so small pictures magnify what rounding leaves."""
    network, shapes = copy.deepcopy(SMALL[name][0]).eval().double(), SMALL[name][1]
    shown = [noise(3, *shape).double() for shape in shapes]
    if "mapping" in name and len(shown) > 1:
        shown[1] = (shown[1] > 1.2).double()
    with torch.no_grad():
        together = network(*shown)
        alone = torch.cat([network(*(one[i : i + 1] for one in shown)) for i in range(3)])
    assert together.shape[2:] == shown[0].shape[2:]
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("spectral", [False, True])
def test_a_critic_sees_halves_and_shows_every_map(spectral: bool) -> None:
    critic = MultiscaleCritic(3, 4, layers=2, scales=3, spectral=spectral)
    maps = critic(noise(2, 3, 64, 48))
    assert [len(one) for one in maps] == [4, 4, 4]
    assert [one[-1].shape[1] for one in maps] == [1, 1, 1]
    assert [tuple(one[0].shape[2:]) for one in maps] == [(33, 25), (17, 13), (9, 7)]
    assert {one.shape[1] for one in maps[0]} == {4, 8, 16, 1}


def test_spectral_norm_finds_the_largest_singular_value_and_is_torchs() -> None:
    torch.manual_seed(2)
    ours, theirs = SpectralConv2d(3, 5, 3, stride=2, padding=1), nn.Conv2d(3, 5, 3, stride=2, padding=1)
    theirs.weight, theirs.bias = copy.deepcopy((ours.weight_orig, ours.bias))
    theirs = nn.utils.spectral_norm(theirs)
    assert not theirs.load_state_dict(ours.state_dict(), strict=False).unexpected_keys
    x = noise(1, 3, 9, 8)
    for _ in range(3):
        torch.testing.assert_close(ours(x), theirs(x))
    for _ in range(200):
        ours(x)
    assert ours.bias is not None
    effective = ours.eval()(x) - ours.bias[:, None, None]
    exact = ours.weight_orig / torch.linalg.matrix_norm(ours.weight_orig.flatten(1), 2)
    torch.testing.assert_close(effective, nn.functional.conv2d(x, exact, None, 2, 1), rtol=1e-4, atol=1e-5)


def test_a_spectral_weight_learns_through_two_calls_and_can_be_copied_in_between() -> None:
    conv, x = SpectralConv2d(3, 4, 3), noise(1, 3, 6, 6)
    first = conv(x).square().mean()
    twin = copy.deepcopy(conv)
    (first + conv(2 * x).square().mean()).backward()
    assert conv.weight_orig.grad is not None and conv.weight_orig.grad.isfinite().all()
    assert twin.weight_orig.grad is None and twin.state_dict().keys() == conv.state_dict().keys()


def test_in_use_a_spectral_weight_stays_as_it_is() -> None:
    conv = SpectralConv2d(3, 4, 3).eval()
    before = {key: value.clone() for key, value in conv.state_dict().items()}
    conv(noise(1, 3, 6, 6))
    assert all(torch.equal(value, before[key]) for key, value in conv.state_dict().items())


def test_without_norms_a_vae_sees_how_light_a_picture_is() -> None:
    """Published ones norm each picture: they give a dark, flat picture the latents of a light one."""
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    published, ours = (PhotoVAE(8, 8, norm=norm).eval() for norm in ("instance", "none"))
    with torch.no_grad():
        assert torch.allclose(published.encode(picture), published.encode(picture / 2 - 0.4), atol=1e-2)
        assert not torch.allclose(ours.encode(picture), ours.encode(picture / 2 - 0.4), atol=1e-2)
