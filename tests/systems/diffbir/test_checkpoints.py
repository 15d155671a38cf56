"""DiffBIR's official files: recognised by their names at full size without their weights, small ones imported and used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.registry import SYSTEMS
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.ircontrolnet import IRControlNet
from restauro.networks.rrdb import OLD, RRDBNet
from restauro.networks.scunet import SCUNet
from restauro.networks.swinir import SwinIR
from restauro.networks.text_tower import TextTower
from restauro.networks.unet import UNet
from restauro.restorers.smooth import restorer
from restauro.systems.diffbir.checkpoints import LAYOUTS, PARTS
from restauro.weights import recognise as room
from restauro.weights import store
from restauro.weights.build import misfits, skeleton
from restauro.weights.declared import Declared
from restauro.weights.importing import import_all, import_file, named
from restauro.weights.recognise import recognise, recognise_all
from tests.networks.keys import shapes
from tests.shared import needs_shared

UNET: dict[str, Any] = {
    "in_channels": 4, "out_channels": 4, "model_channels": 64, "channel_mult": [1, 1], "num_res_blocks": 1, "attention": [1],
    "num_head_channels": 64, "scale_shift": False, "context": 8,
}  # fmt: skip
CONTROL = {**{key: value for key, value in UNET.items() if key != "out_channels"}, "hint_channels": 4}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The layouts of this system, also while it has no recipe and so is none."""
    if "diffbir" not in SYSTEMS:
        others = [*room.layouts(), *LAYOUTS]
        monkeypatch.setattr(room, "layouts", lambda: iter(others))
        monkeypatch.setattr(room, "beginnings", lambda: PARTS)
    yield


def listed(name: str) -> dict[str, Tensor]:
    return {key: torch.empty(shape, device="meta") for key, shape in shapes(name, "diffbir").items()}


@needs_shared
@pytest.mark.parametrize(
    ("file", "place", "name", "kind", "arguments"),
    [
        ("swinir_stage1", "realesrgan_s4_swinir_100k.pth", "diffbir-swinir", "restorer", {"width": 180, "depths": [6] * 8}),
        ("swinir_stage1", "general_swinir_v1.ckpt", "diffbir-swinir-v1", "restorer", {"width": 180}),
        ("swinir_stage1", "codeformer_swinir.ckpt", "diffbir-swinir-codeformer", "restorer", {"width": 180}),
        ("bsrnet_x4", "BSRNet.pth", "bsrnet-x4", "upscaler", {"num_blocks": 23, "scale": 4}),
        ("scunet_color_real", "scunet_color_real_psnr.pth", "scunet", "restorer", {"width": 64, "blocks": [4] * 7}),
        ("controlnet_v1_v2_v2.1", "DiffBIR_v2.1.pt", "diffbir-v2.1-control", "latent-control", {"model_channels": 320}),
    ],
)
def test_official_files(file: str, place: str, name: str, kind: str, arguments: dict[str, Any]) -> None:
    passport, ours = recognise(listed(file), place=f"weights/{place}")
    assert (passport.name, passport.kind) == (name, kind)
    assert {key: passport.arguments[key] for key in arguments} == arguments
    assert not misfits(skeleton(passport), ours)
    assert "Apache-2.0" in passport.licence


@needs_shared
def test_version_1_s_one_file_holds_five_networks() -> None:
    found = recognise_all(listed("v1_full_single_file"), place="weights/face_full_v1.ckpt")
    assert {word: passport.name for word, (passport, _) in found.items()} == {
        "prior": "sd21-prior",
        "autoencoder": "sd21-autoencoder",
        "text": "sd21-text",
        "control": "diffbir-v1-face-control",
        "cleaner": "diffbir-swinir-face",
    }
    sizes = {word: sum(value.numel() for value in tensors.values()) for word, (_, tensors) in found.items()}
    assert sizes["prior"] == 865_910_724 and sizes["control"] == pytest.approx(363.15e6, rel=1e-4)
    prior, control = found["prior"][0], found["control"][0]
    assert (prior.prediction, prior.schedule) == (control.prediction, control.schedule) == ("eps", "sd-scaled-linear")
    assert prior.arguments["attention"] == [1, 2, 4] and prior.arguments["context"] == 1024
    assert found["text"][0].arguments["blocks"] == 23
    assert found["autoencoder"][0].arguments == {
        "latent": 4, "width": 128, "channel_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attention": True, "space_to_depth": 1
    }  # fmt: skip


@needs_shared
def test_the_official_prior_may_be_run_by_diffusers_class() -> None:
    pytest.importorskip("diffusers")
    said = Declared(by="diffusers")
    found = recognise_all(listed("sd21_needed_by_diffbir"), said, place="weights/v2-1_512-ema-pruned.ckpt")
    passport, tensors = found["prior"]
    assert passport.architecture == "unet-diffusers" and len(tensors) == 686 and "network.conv_in.weight" in tensors
    assert found["autoencoder"][0].architecture == "autoencoder-kl"
    with pytest.raises(RecipeError, match="--by means nothing here"):
        recognise(listed("swinir_stage1"), said)


@pytest.mark.parametrize(
    ("file", "version", "prediction"),
    [
        ("v1_general.pth", "v1", "eps"),
        ("v1_face.pth", "v1", "eps"),
        ("v2.pth", "v2", "eps"),
        ("DiffBIR_v2.1.pt", "v2.1", "v"),
    ],
)
def test_the_release_is_told_by_the_name_of_the_file(file: str, version: str, prediction: str) -> None:
    passport, _ = recognise(IRControlNet(**CONTROL).state_dict(), place=f"v1/{file}")
    assert (passport.version, passport.prediction) == (version, prediction)
    assert passport.schedule == ("sd-zero-snr" if version == "v2.1" else "sd-scaled-linear")
    assert passport.face_template == ("ffhq512" if "face" in file else "")


def test_a_release_that_nothing_tells_must_be_declared() -> None:
    control = IRControlNet(**CONTROL).state_dict()
    for place in ("mine.pth", "v2/mine.pth", "mine_v1.5.pth"):
        with pytest.raises(WeightsError, match=r"a second stage of DiffBIR; neither .* say --version"):
            recognise(control, place=place)
    passport, _ = recognise(control, Declared(version="v2.1"), place="x/v1_face.pth")
    assert (passport.version, passport.prediction, passport.schedule) == ("v2.1", "v", "sd-zero-snr")


def test_what_a_prior_predicts_is_told_or_declared() -> None:
    prior = UNet(**UNET).state_dict()
    with pytest.raises(WeightsError, match=r"say --prediction and --schedule"):
        recognise(prior, place="a/model.ckpt")
    for place, told in (("v2-1_512-ema-pruned.ckpt", "eps"), ("sd2.1-base-zsnr-laionaes5.ckpt", "v")):
        passport, _ = recognise(prior, place=f"a/{place}")
        assert passport.prediction == told and passport.arguments["context"] == 8
    said = Declared(prediction="v", schedule="sd-scaled-linear")
    assert recognise(prior, said)[0].prediction == "v"
    assert recognise(prior, Declared(version="v2.1"))[0].schedule == "sd-zero-snr"


def stable() -> dict[str, Tensor]:
    networks = {
        "model.diffusion_model.": UNet(**UNET),
        "first_stage_model.": AutoencoderKL(4, 8, [1, 2], 1),
        "cond_stage_model.model.": TextTower(64, 3, 1, 7, 20),
    }
    tensors = {f"{begin}{key}": value for begin, network in networks.items() for key, value in network.state_dict().items()}
    more = {"alphas_cumprod": torch.ones(3), "cond_stage_model.model.logit_scale": torch.ones(())}
    return {**tensors, **more, "first_stage_model.loss.logvar": torch.ones(())}


def test_stable_diffusion_s_file_becomes_three_weights(tmp_path: Path) -> None:
    torch.manual_seed(1)
    tensors = stable()
    torch.save({"state_dict": tensors}, tmp_path / "v2-1_512-ema-pruned.ckpt")
    passports = import_all(tmp_path / "v2-1_512-ema-pruned.ckpt", tell=lambda note: None)
    assert [passport.name for passport in passports] == ["sd21-prior", "sd21-autoencoder", "sd21-text"]
    prior, text = store.load("sd21-prior"), store.load("sd21-text")
    key = "middle_block.1.transformer_blocks.0.attn2.to_k.weight"
    assert torch.equal(prior.state_dict()[key], tensors[f"model.diffusion_model.{key}"])
    with torch.no_grad():
        assert text(torch.zeros(1, 7, dtype=torch.long)).shape == (1, 7, 64)
    mine = import_all(tmp_path / "v2-1_512-ema-pruned.ckpt", "mine", declared=Declared(version="v2.1"), tell=lambda note: None)
    assert [passport.name for passport in mine] == ["mine-prior", "mine-autoencoder", "mine-text"]
    assert [passport.prediction for passport in mine] == ["v", "", ""]
    with pytest.raises(WeightsError, match=r"several networks: name one of .*sd21-prior"):
        named(str(tmp_path / "v2-1_512-ema-pruned.ckpt"))
    with pytest.raises(RecipeError, match="--values means nothing here"):
        import_all(tmp_path / "v2-1_512-ema-pruned.ckpt", "other", declared=Declared(values="0..1"), tell=lambda note: None)


def old_names(network: RRDBNet) -> dict[str, Tensor]:
    theirs = {ours: theirs for theirs, ours in OLD.items()}
    return {".".join(theirs.get(part, part) for part in key.split(".")): one for key, one in network.state_dict().items()}


def test_small_first_stages_are_imported_and_restore(tmp_path: Path) -> None:
    swin, rrdb = SwinIR(12, [2], 2, 4, 2, 2, 8), RRDBNet(mid_channels=8, num_blocks=1, growth_channels=4)
    tables = {"layers.0.residual_group.blocks.1.attn_mask": torch.zeros(4, 16, 16)}
    files: dict[str, tuple[dict[str, Tensor], nn.Module]] = {
        "face_swinir_v1": ({**swin.state_dict(), **tables}, swin),
        "scunet": (SCUNet(8, [1] * 7, 4, 2).state_dict(), SCUNet(8, [1] * 7, 4, 2)),
        "BSRNet": (old_names(rrdb), rrdb),
    }
    for name, (tensors, network) in files.items():
        torch.save(tensors, tmp_path / f"{name}.pth")
        passport = import_file(tmp_path / f"{name}.pth", tell=lambda note: None)
        assert passport.face_template == ("ffhq512" if "face" in name else "")
        assert store.load(passport.name).state_dict().keys() == network.state_dict().keys()
        assert restorer(passport.name, torch.device("cpu"))(torch.zeros(1, 3, 20, 33)).shape == (1, 3, 20, 33)
