"""Networks that spandrel knows, small and of random weights: saved, imported through our own safe loading, restored.

They run in an environment of their own (`make test-extras`): spandrel needs torchvision, which the others must not find.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from restauro import api
from restauro.cli import main
from restauro.core.errors import WeightsError
from restauro.diffusion.contract import Observation
from restauro.properties.smooth_semantics import Coarse, SmoothSemantics
from restauro.restorers.smooth import reduced, restorer
from restauro.systems.diffbir import published
from restauro.systems.diffbir.cleaning import cleaned
from restauro.weights.foreign import library
from restauro.weights.importing import import_file
from restauro.weights.recognise import Unrecognised
from restauro.weights.store import find, verify
from tests.laws.pictures import waves
from tests.systems.diffbir.latent_weights import stock

pytestmark = pytest.mark.skipif(importlib.util.find_spec("spandrel") is None, reason="spandrel is not here: make test-extras")
CPU = torch.device("cpu")
PICTURES = waves(1, 2, 48).float()


def swinir(scale: int, channels: int = 3) -> nn.Module:
    from spandrel.architectures.SwinIR import SwinIR

    shape: dict[str, Any] = {"img_size": 16, "window_size": 8, "embed_dim": 12, "depths": [2], "num_heads": [2]}
    return SwinIR(**shape, in_chans=channels, upscale=scale, upsampler="pixelshuffledirect" if scale > 1 else "")


def esrgan() -> nn.Module:
    """In ESRGAN's first layout (`model.0.weight`), which our own RRDB network does not have."""
    from spandrel.architectures.ESRGAN import ESRGAN

    return ESRGAN(num_filters=8, num_blocks=1, scale=4)


def dehaze() -> nn.Module:
    """Which wants forty pixels a side."""
    from spandrel.architectures.MixDehazeNet import MixDehazeNet

    return MixDehazeNet(embed_dims=[8, 16, 16, 16, 8], depths=[1] * 5)


def restormer() -> nn.Module:
    from spandrel_extra_arches.architectures.Restormer import Restormer

    return Restormer(dim=8, num_blocks=[1, 1, 1, 1], num_refinement_blocks=1, heads=[1, 1, 1, 1], ffn_expansion_factor=2.0)


CASES: dict[str, tuple[Callable[[], nn.Module], str, int]] = {
    "swinir-x1": (lambda: swinir(1), "SwinIR", 1),
    "swinir-x2": (lambda: swinir(2), "SwinIR", 2),
    "esrgan-x4": (esrgan, "ESRGAN", 4),
    "mixdehazenet-x1": (dehaze, "MixDehazeNet", 1),
    "restormer-x1": (restormer, "Restormer", 1),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "home"))
    library()
    torch.manual_seed(7)
    yield


def saved(network: nn.Module, path: Path) -> dict[str, Tensor]:
    weights = {key: value.clone() for key, value in network.state_dict().items()}
    torch.save({"params": weights}, path)
    return weights


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
@pytest.mark.parametrize("name", CASES)
def test_a_recognised_network_is_a_restorer(tmp_path: Path, name: str) -> None:
    make, identifier, scale = CASES[name]
    weights = saved(make(), tmp_path / "theirs.pth")
    passport = import_file(tmp_path / "theirs.pth", tell=lambda note: None)
    assert passport == verify(name)
    assert passport.arguments == {"id": identifier, "scale": scale}
    assert passport.kind == ("upscaler" if scale > 1 else "restorer")
    assert ("non-commercial" in passport.licence) == (name == "restormer-x1")

    found = restorer(name, CPU)
    answer = found(PICTURES)
    theirs = library().ModelLoader().load_from_state_dict(dict(weights))
    expected = torch.cat([theirs((one + 1) / 2) for one in PICTURES.split(1)]).clone()
    assert expected.shape[-1] == scale * 48
    torch.testing.assert_close(answer, reduced(expected, scale) * 2 - 1, rtol=0, atol=1e-5)
    torch.testing.assert_close(found(PICTURES[1:]), answer[1:], rtol=0, atol=1e-6)
    assert not answer.is_inference(), "what meets guidance must be able to"
    leaf = PICTURES.clone().requires_grad_()
    SmoothSemantics(cutoff=0.5).distance(leaf, Coarse(answer)).sum().backward()
    assert leaf.grad is not None and leaf.grad.abs().max() > 0


def test_it_is_the_target_of_smooth_semantics(tmp_path: Path) -> None:
    saved(swinir(2), tmp_path / "theirs.pth")
    name = import_file(tmp_path / "theirs.pth", tell=lambda note: None).name
    answer = restorer(name, CPU)(PICTURES)
    assert torch.equal(SmoothSemantics().target(Observation(PICTURES, restored=answer)).picture, answer.clamp(-1, 1))
    picture = ((waves(2, 1, 96).float()[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1).numpy()
    ours, default = (
        api.restore(picture, aligned=True, steps=1, **settings) for settings in ({"restorer": tmp_path / "theirs.pth"}, {})
    )
    assert ours.recipe.restorer == name and not (ours.pixels == default.pixels).all()


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
@pytest.mark.parametrize("name", ["swinir-x1", "esrgan-x4", "restormer-x1"])
@pytest.mark.parametrize("faithful", [False, True])
def test_it_is_a_first_stage_of_diffbir(tmp_path: Path, name: str, faithful: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, and as the releases have it: BSRNet is an ESRGAN, and its answer is reduced."""
    monkeypatch.setattr(published, "LEAST", 64)
    saved(CASES[name][0](), tmp_path / "theirs.pth")
    named = stock("any", face_template="")
    beside = {part: named[part] for part in ("prior", "control", "autoencoder")}
    settings: dict[str, Any] = {"by": ["diffbir"], "faithful": faithful, "steps": 2, **beside}
    told = {"walk": "spaced", "prompt": "", "unlike": "", "cfg": 1.0} if faithful else {}
    pixels = ((waves(2, 1, 64).float()[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1).numpy()
    result = api.restore(pixels, restorer=tmp_path / "theirs.pth", **settings, **told)
    assert result.recipe.restorer == "theirs" and find("theirs")[0].architecture == "spandrel"
    assert result.pixels.shape == pixels.shape
    saved(swinir(1), tmp_path / "other.pth")
    other = api.restore(pixels, restorer=tmp_path / "other.pth", **settings, **told)
    assert not (result.pixels == other.pixels).all()


def test_a_large_picture_is_cleaned_in_tiles(tmp_path: Path) -> None:
    saved(swinir(1), tmp_path / "theirs.pth")
    name = import_file(tmp_path / "theirs.pth", tell=lambda note: None).name
    picture = waves(3, 1, 80, 600).float()
    whole, parts = cleaned(name, picture), cleaned(name, picture, whole=0)
    assert parts.shape == whole.shape and float((parts - whole).abs().mean()) < 0.1 * float((whole - picture).abs().mean())


def test_the_command_line_takes_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    saved(swinir(1), tmp_path / "theirs.pth")
    assert main(["models", "import", str(tmp_path / "theirs.pth"), "--name", "mine"]) == 0
    out, err = capfd.readouterr()
    assert "imported mine (restorer): SwinIR: a one-pass network that keeps the size, run by spandrel" in out
    assert err.startswith("licence: mine: the terms of these weights")
    assert find("mine")[0].architecture == "spandrel"


def test_a_picture_below_the_least_size_is_enlarged_for_it(tmp_path: Path) -> None:
    saved(dehaze(), tmp_path / "theirs.pth")
    import_file(tmp_path / "theirs.pth", tell=lambda note: None)
    assert restorer("mixdehazenet-x1", CPU)(waves(1, 1, 24).float()).shape == (1, 3, 24, 24)


def test_a_grey_network_is_refused_in_one_line(tmp_path: Path) -> None:
    saved(swinir(1, channels=1), tmp_path / "grey.pth")
    with pytest.raises(Unrecognised, match=r"grey\.pth: .*\(this is SwinIR, which works on 1 channels; .* are used\)"):
        import_file(tmp_path / "grey.pth")


def test_what_nobody_knows_is_refused_in_one_line(tmp_path: Path) -> None:
    torch.save({"encoder.embed": torch.zeros(2)}, tmp_path / "what.pth")
    with pytest.raises(Unrecognised, match=r"they hold encoder\.embed, \.\.\. \(spandrel does not know them either\)"):
        import_file(tmp_path / "what.pth")


def test_a_network_that_lacks_a_tensor_is_refused_in_one_line(tmp_path: Path) -> None:
    weights = saved(swinir(1), tmp_path / "whole.pth")
    del weights["conv_after_body.bias"]
    torch.save(weights, tmp_path / "torn.pth")
    with pytest.raises(WeightsError, match=r"torn\.pth: .*spandrel cannot build a network from these weights: ") as caught:
        import_file(tmp_path / "torn.pth")
    assert "\n" not in str(caught.value)
