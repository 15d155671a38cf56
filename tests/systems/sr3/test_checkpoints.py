"""Janspiry's checkpoints by their keys: published ones at full size without their weights, small ones to the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from restauro.cli import main
from restauro.core.errors import RecipeError, WeightsError
from restauro.diffusion.betas import betas_of
from restauro.networks.sr3 import Sr3UNet
from restauro.systems.sr3.checkpoints import trained_with
from restauro.weights import store
from restauro.weights.declared import Declared
from restauro.weights.importing import import_file
from restauro.weights.recognise import Unrecognised, recognise
from tests.shared import needs_shared
from tests.systems.sr3.janspiry import SMALL, checkpoint
from tests.weights.test_recognise import listed

PUBLISHED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "janspiry_sr3_16_128": ("sr3-16-128", "super-resolver", {"attention": [8], "groups": 32, "told": "level"}),
    "janspiry_sr3_64_512": ("sr3-64-512", "super-resolver", {"attention": [], "groups": 16, "res_blocks": 1}),
    "janspiry_sr3_sample_128": ("sr3-face128", "prior", {"in_channels": 3}),
    "janspiry_ddpm_16_128": ("sr3-ddpm-16-128", "super-resolver", {"told": "timesteps"}),
}


@needs_shared
@pytest.mark.parametrize("file", PUBLISHED)
def test_official_key_lists(file: str) -> None:
    state_dict = listed(f"ddpm_sr3/keys/{file}")
    name, kind, arguments = PUBLISHED[file]
    passport, tensors = recognise(state_dict)
    assert (passport.name, passport.kind, passport.architecture, passport.steps) == (name, kind, "sr3-unet", 2000)
    assert {key: passport.arguments[key] for key in arguments} == arguments
    assert len(tensors) == sum(key.startswith("denoise_fn.") for key in state_dict)
    assert (passport.told, passport.schedule) == (("", "ho-linear") if "ddpm" in file else ("level", "sr3-linear"))
    assert passport.size == int(name.rpartition("-")[2].removeprefix("face")) and "Apache" in passport.licence


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("told", ["level", "timesteps"])
def test_import_and_use(tmp_path: Path, told: str, prefix: str) -> None:
    whole = checkpoint(told)
    path = tmp_path / "I640000_E37_gen.pth"
    torch.save({prefix + key: value for key, value in whole.items()}, path)
    passport = import_file(path, f"{told}-{len(prefix)}", tell=lambda note: None, declared=Declared(groups=16))
    assert (passport.steps, passport.arguments["groups"]) == (2000, 16)
    network = store.load(passport.name)
    x, t = torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([0.5])
    original = Sr3UNet(6, **SMALL, told=told)  # type: ignore[arg-type]
    original.load_state_dict({key.removeprefix("denoise_fn."): whole[key] for key in whole if key.startswith("denoise_fn.")})
    torch.testing.assert_close(network(x, t), original.eval()(x, t))


@pytest.mark.parametrize(
    ("kind", "T", "ends"),
    [
        ("sr3-linear", 2000, ()),
        ("sr3-linear", 1000, ()),
        ("ho-linear", 2000, ()),
        ("ho-linear", 500, (1e-6, 0.04)),
        ("ho-quad", 10, (1e-4, 0.3)),
        ("ho-const", 50, ()),
        ("ho-warmup50", 100, ()),
        ("ho-jsd", 30, ()),
        ("cosine", 200, ()),
    ],
)
def test_the_schedule_is_read_off_the_buffer(kind: str, T: int, ends: tuple[float, ...]) -> None:
    """In float32, as it is stored; any length loads."""
    betas = betas_of(kind, T, *ends)
    found = trained_with(torch.from_numpy(betas).float(), "sr3-linear")
    assert found == (kind, T, list(ends))
    torch.testing.assert_close(betas_of(kind, T, *found[2]), betas, rtol=1e-5, atol=1e-12)


def test_betas_of_nowhere_are_refused() -> None:
    with pytest.raises(Unrecognised, match="its betas follow none of the repository's schedules"):
        recognise(checkpoint(betas=torch.tensor([0.1, 0.5, 0.2])))


def test_what_the_file_does_not_tell_can_be_said() -> None:
    passport, _ = recognise(checkpoint(), Declared(groups=16, level="gamma", size=64, variance="fixed_large"))
    assert (passport.told, passport.size, passport.variance, passport.arguments["groups"]) == ("gamma", 64, "fixed_large", 16)
    with pytest.raises(RecipeError, match="--level means nothing here"):
        recognise(checkpoint("timesteps"), Declared(level="gamma"))


def test_without_a_condition_it_is_a_prior() -> None:
    passport, _ = recognise(checkpoint(channels=3), Declared(size=16))
    assert (passport.kind, passport.told, passport.size) == ("prior", "level", 16)


def test_the_optimizer_beside_it_holds_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "I640000_E37_opt.pth"
    torch.save({"epoch": 37, "iter": 640000, "scheduler": None, "optimizer": {"state": {}, "param_groups": []}}, path)
    with pytest.raises(WeightsError, match="holds no weights"):
        import_file(path)


def test_the_command_imports_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "I10000_E1_gen.pth"
    torch.save(checkpoint(), path)
    assert main(["models", "import", str(path), "--name", "by-command", "--groups", "16", "--level", "gamma"]) == 0
    out, err = capsys.readouterr()
    assert "imported by-command (super-resolver): A network of Janspiry's SR3" in out and "Apache-2.0" in err
    assert store.find("by-command")[0].told == "gamma"
