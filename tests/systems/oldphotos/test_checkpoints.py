"""Old Photos' official files: recognised by their names at full size without their weights, small ones imported and used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.registry import SYSTEMS
from restauro.networks.latent_mapping import HighResMapping, LatentMapping, ScratchMapping
from restauro.networks.multiscale_critic import MultiscaleCritic
from restauro.networks.photo_vae import PhotoVAE
from restauro.networks.scratch_detector import ScratchDetector
from restauro.networks.spade import SpadeGenerator
from restauro.restorers.smooth import restorer
from restauro.systems.oldphotos.checkpoints import LAYOUTS
from restauro.weights import recognise as room
from restauro.weights import store
from restauro.weights.build import misfits, skeleton
from restauro.weights.declared import Declared
from restauro.weights.importing import import_file, named
from restauro.weights.recognise import Unrecognised, recognise
from tests.networks.keys import shapes
from tests.shared import needs_shared

OFFICIAL: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "VAE_A_quality": ("old-photos-vae-a-quality", "autoencoder", "photo-vae", {"width": 64, "latent": 64, "kernel": 4}),
    "VAE_B_quality": ("old-photos-vae-b-quality", "autoencoder", "photo-vae", {}),
    "VAE_B_scratch": ("old-photos-vae-b-scratch", "autoencoder", "photo-vae", {}),
    "mapping_quality": ("old-photos-mapping", "mapping", "latent-mapping", {"latent": 64, "width": 512, "blocks": 6}),
    "mapping_scratch": ("old-photos-mapping-scratch", "mapping", "scratch-mapping", {"blocks": 6, "inner": 512}),
    "mapping_Patch_Attention": ("old-photos-mapping-hr", "mapping", "patch-mapping", {"latent": 64, "width": 512}),
    "detector": ("old-photos-detector", "scratch-detector", "scratch-detector", {"width": 64, "depth": 4, "convs": 2}),
    "face_spade": ("old-photos-face", "restorer", "spade", {"width": 64, "parsing": 0, "levels": "normal"}),
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The layouts of this system, also while it has no recipe and so is none."""
    others = [] if "oldphotos" in SYSTEMS else [*room.layouts(), *LAYOUTS]
    if others:
        monkeypatch.setattr(room, "layouts", lambda: iter(others))
    yield


def listed(name: str) -> dict[str, Tensor]:
    return {key: torch.empty(shape, device="meta") for key, shape in shapes(name).items()}


@needs_shared
@pytest.mark.parametrize("file", OFFICIAL)
def test_official_files(file: str) -> None:
    name, kind, architecture, arguments = OFFICIAL[file]
    tensors = listed(file)
    passport, ours = recognise(tensors, place=f"{file}/latest_net_G.pth")
    assert (passport.name, passport.kind, passport.architecture) == (name, kind, architecture)
    assert {key: passport.arguments[key] for key in arguments} == arguments
    assert ours.keys() == tensors.keys() and not misfits(skeleton(passport), ours)
    assert "MIT" in passport.licence and passport.training_data


@needs_shared
@pytest.mark.parametrize("file", ["D_vae_image", "D_vae_latent", "D_mapping_quality", "D_mapping_scratch"])
def test_discriminators_are_known_and_refused(file: str) -> None:
    with pytest.raises(Unrecognised, match=r"a discriminator of Old Photos, but .* serves only while .* latest_net_G\.pth"):
        recognise(listed(file))


@needs_shared
def test_the_two_generators_of_faces_are_told_by_their_folders() -> None:
    for folder, name, size in (("Setting_9_epoch_100", "", 256), ("FaceSR_512", "-512", 512)):
        passport, _ = recognise(listed("face_spade"), place=f"{folder}/latest_net_G.pth")
        assert (passport.name, passport.size) == (f"old-photos-face{name}", size)
    passport, _ = recognise(listed("face_spade"), Declared(size=512))
    assert passport.size == 512


SMALL: dict[str, tuple[nn.Module, str]] = {
    "latent-mapping": (LatentMapping(8, 20, 2), "old-photos-mapping"),
    "scratch-mapping": (ScratchMapping(8, 20, 1, inner=4), "old-photos-mapping-scratch"),
    "patch-mapping": (HighResMapping(8, 20), "old-photos-mapping-hr"),
    "scratch-detector": (ScratchDetector(1, 6, 3, 1, False, "upconv"), "old-photos-detector"),
    "spade": (SpadeGenerator(2), "old-photos-face"),
}


def saved(network: nn.Module, path: Path, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model_state": network.state_dict(), **more} if more else network.state_dict(), path)
    return path


@pytest.mark.parametrize("architecture", SMALL)
def test_other_sizes_are_read_off_and_come_back_as_they_were(tmp_path: Path, architecture: str) -> None:
    network, name = SMALL[architecture]
    more = {"epoch": 3, "optimizer_state": {"state": {}}} if architecture == "scratch-detector" else {}
    passport = import_file(saved(network, tmp_path / "latest_net.pth", **more), tell=lambda note: None)
    assert (passport.name, passport.architecture) == (name, architecture)
    loaded = store.load(name)
    assert {key: value.shape for key, value in loaded.state_dict().items()} == {
        key: value.shape for key, value in network.state_dict().items()
    }
    shape = {"scratch-detector": (1, 16, 24), "spade": (3, 64, 64)}.get(architecture, (8, 6, 5))
    x = torch.randn(1, *shape, generator=torch.Generator().manual_seed(5))
    shown = (x, (x[:, :1] > 0).float().repeat_interleave(4, 2)) if architecture in ("scratch-mapping", "patch-mapping") else (x,)
    with torch.no_grad():
        torch.testing.assert_close(loaded(*shown), network.eval()(*shown), rtol=1e-3, atol=1e-4)


def test_a_generator_of_faces_is_a_restorer_of_pictures_of_any_size(tmp_path: Path) -> None:
    import_file(saved(SpadeGenerator(1), tmp_path / "faces.pth"), "tiny-faces", tell=lambda note: None)
    assert restorer("tiny-faces", torch.device("cpu"))(torch.zeros(2, 3, 40, 70)).shape == (2, 3, 40, 70)


def test_vaes_with_equal_names_are_told_by_their_folders_or_by_the_owners_word(tmp_path: Path) -> None:
    domains = {"VAE_A_quality": "old", "VAE_B_quality": "clean", "VAE_B_scratch": "clean", "mine": ""}
    for folder, domain in domains.items():
        path = saved(PhotoVAE(4, 8), tmp_path / folder / "latest_net_G.pth")
        passport = import_file(path, tell=lambda note: None)
        assert passport.domain == domain
        assert passport.name == (f"old-photos-{folder.lower().replace('_', '-')}" if domain else "old-photos-vae")
    said = import_file(tmp_path / "mine/latest_net_G.pth", "mine-old", declared=Declared(domain="old"), tell=lambda note: None)
    assert (said.name, said.domain, said.arguments) == ("mine-old", "old", {"width": 4, "latent": 8, "kernel": 4})
    with pytest.raises(RecipeError, match="--domain means nothing here"):
        Declared(domain="old").apply(store.find("face-prior")[0])


def test_official_files_of_one_name_named_by_their_paths_do_not_collide(tmp_path: Path) -> None:
    torch.manual_seed(8)
    paths = [saved(PhotoVAE(4, 8), tmp_path / folder / "latest_net_G.pth") for folder in ("VAE_A_quality", "VAE_B_quality")]
    assert [named(str(path)) for path in paths] == ["VAE_A_quality-latest_net_G", "VAE_B_quality-latest_net_G"]


def test_defect_11_a_file_that_does_not_fit_is_an_error_that_names_keys(tmp_path: Path) -> None:
    tensors = ScratchMapping(8, 20, 1).state_dict()
    del tensors["NL.res_block.1.conv_block.5.bias"]
    torch.save(tensors, tmp_path / "cut.pth")
    with pytest.raises(WeightsError, match=r"1 of \d+ tensors missing \(NL\.res_block\.1\.conv_block\.5\.bias\)"):
        import_file(tmp_path / "cut.pth")
    with pytest.raises(WeightsError, match=r"latest_net_mapping_net\.pth cannot be read"):
        import_file(tmp_path / "latest_net_mapping_net.pth")
    torch.save(MultiscaleCritic(6, 4, spectral=True).state_dict(), tmp_path / "latest_net_D.pth")
    with pytest.raises(WeightsError, match="a discriminator of Old Photos"):
        import_file(tmp_path / "latest_net_D.pth")
