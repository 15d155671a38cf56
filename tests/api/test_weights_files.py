"""A weights file may stand where the name of weights does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restauro import api
from restauro.core.errors import WeightsError
from restauro.networks.rrdb import RRDBNet
from restauro.weights.store import find


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "home"))
    torch.manual_seed(1)
    network = RRDBNet(mid_channels=4, num_blocks=1, growth_channels=2, scale=2)
    torch.save({"params_ema": network.state_dict()}, tmp_path / "my sharpener.pth")
    return tmp_path / "my sharpener.pth"


def test_a_restorer_by_its_file_is_kept_by_its_name(file: Path) -> None:
    recipe = api.make_recipe("restore", restorer=file)
    assert recipe.restorer == "my-sharpener" and find("my-sharpener")[0].kind == "upscaler"
    assert api.make_recipe("restore", restorer="my-sharpener") == recipe == api.make_recipe("restore", restorer=str(file))


def test_a_recipe_with_it_runs(file: Path) -> None:
    picture = torch.rand(96, 96, 3).numpy()
    result = api.restore(picture, restorer=file, aligned=True, steps=1)
    assert result.recipe.restorer == "my-sharpener" and result.changed


def test_a_file_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors cannot be read: No such file"):
        api.make_recipe("restore", restorer=tmp_path / "none.safetensors")
