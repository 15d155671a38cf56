"""Foreign networks, with a stand-in for spandrel; the real one is tested by `make test-extras`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.restorers.smooth import OnePass, restorer
from restauro.weights import foreign, store
from restauro.weights.importing import import_file
from restauro.weights.recognise import Unrecognised


class UnsupportedModelError(Exception):
    pass


class Descriptor:
    """Brightens by a tenth and adds noise of its own, as GFPGAN does; `scale` times as large."""

    input_channels = output_channels = 3
    architecture = SimpleNamespace(id="Brighter", name="Brighter")

    def __init__(self, purpose: str = "Restoration", scale: int = 1, least: int = 0):
        self.purpose, self.scale, self.size_requirements = purpose, scale, SimpleNamespace(minimum=least)
        self.model = nn.Conv2d(3, 3, 1)
        self.asked: list[tuple[int, ...]] = []

    def to(self, device: torch.device) -> Descriptor:
        return self

    @torch.inference_mode()
    def __call__(self, picture: Tensor) -> Tensor:
        assert len(picture) == 1 and picture.min() >= 0 and picture.max() <= 1
        self.asked.append(tuple(picture.shape))
        larger = nn.functional.interpolate(picture, scale_factor=self.scale, mode="bicubic")
        return (larger + 0.1 + 0.01 * torch.randn_like(larger)).clamp_(0, 1)


class Spandrel:
    """What of the package is used."""

    UnsupportedModelError = UnsupportedModelError

    def __init__(self, answer: Descriptor | Exception):
        self.answer = answer

    def canonicalize_state_dict(self, tensors: dict[str, Any]) -> dict[str, Any]:
        return tensors

    def ModelLoader(self) -> Spandrel:
        return self

    def load_from_state_dict(self, tensors: dict[str, Any]) -> Descriptor:
        tensors.clear()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


TENSORS: Mapping[str, Tensor] = {"their.weight": torch.zeros(1)}


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    torch.save(dict(TENSORS), tmp_path / "theirs.pth")
    return tmp_path / "theirs.pth"


def use(monkeypatch: pytest.MonkeyPatch, answer: Descriptor | Exception) -> None:
    monkeypatch.setattr(foreign, "library", lambda: Spandrel(answer))


@pytest.mark.parametrize("scale", [1, 2])
def test_it_becomes_a_restorer(theirs: Path, monkeypatch: pytest.MonkeyPatch, scale: int) -> None:
    descriptor = Descriptor("SR" if scale > 1 else "Restoration", scale)
    use(monkeypatch, descriptor)
    passport = import_file(theirs, tell=lambda note: None)
    assert passport == store.verify(f"brighter-x{scale}")
    found = restorer(passport.name, torch.device("cpu"))
    assert isinstance(found, OnePass) and found.range == (0.0, 1.0) and found.scale == scale
    pictures = torch.linspace(-0.9, 0.5, 24).expand(2, 3, 18, 24)
    answer = found(pictures)
    torch.testing.assert_close(answer, pictures + 0.2, rtol=0, atol=0.15)
    assert torch.equal(found(pictures[1:]), answer[1:]), "a batch is asked as singles are, noise and all"
    assert not answer.is_inference() and descriptor.asked[0] == (1, 3, 18, 24)


def test_a_picture_below_the_least_size_is_enlarged_and_the_answer_reduced() -> None:
    descriptor = Descriptor("FaceSR", 2, 64)
    network = foreign.Foreign(descriptor)
    assert network(torch.rand(1, 3, 16, 20)).shape == (1, 3, 32, 40)
    assert descriptor.asked == [(1, 3, 64, 80)]


def test_noise_of_its_own_leaves_the_users_alone() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    foreign.Foreign(Descriptor())(torch.rand(1, 3, 8, 8))
    torch.manual_seed(11)
    assert torch.equal(before, torch.get_rng_state())


def test_a_network_of_faces_says_how_they_are_aligned(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Descriptor("FaceSR", 1, 512))
    passport = import_file(theirs, tell=lambda note: None)
    assert (passport.face_template, passport.size) == ("ffhq512", 512)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Descriptor("Inpainting"), "this is Brighter, which fills masks"),
        (UnsupportedModelError(), "spandrel does not know them either"),
        (RuntimeError("Error(s) in loading:\n\tMissing key"), "cannot build a network from these weights: Error(s) in loading:"),
        (AssertionError(), "cannot build a network from these weights: AssertionError"),
    ],
)
def test_what_will_not_do_is_refused_in_one_line(
    theirs: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, problem: str
) -> None:
    use(monkeypatch, answer)
    with pytest.raises(Unrecognised) as caught:
        import_file(theirs)
    assert problem in str(caught.value) and "theirs.pth: these weights are of no kind" in str(caught.value)
    assert "\n" not in str(caught.value) and not store.imported_folder().exists()


@pytest.fixture
def fresh() -> Iterator[None]:
    foreign.library.cache_clear()
    yield
    foreign.library.cache_clear()


@pytest.mark.skipif(importlib.util.find_spec("spandrel") is not None, reason="spandrel is here")
def test_without_spandrel_the_extra_is_named(theirs: Path, fresh: None) -> None:
    with pytest.raises(Unrecognised, match=r"their\.weight, \.\.\. \(the package spandrel knows more .*'restauro\[spandrel\]'\)"):
        import_file(theirs)


@pytest.mark.skipif(importlib.util.find_spec("spandrel") is not None, reason="spandrel is here")
def test_a_spandrel_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    (tmp_path / "spandrel.py").write_text("raise ImportError('no module named einops')")
    (tmp_path / "torchvision.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(WeightsError, match="spandrel is installed, but cannot be imported: no module named einops"):
        foreign.library()
    sys.modules.pop("torchvision", None)
