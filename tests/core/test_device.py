"""Device and dtype are chosen once, remembered per machine, and can be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from restauro.core import device
from restauro.core.device import choose_device, choose_dtype
from restauro.core.errors import RecipeError
from restauro.core.home import cache_dir

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RESTAURO_DTYPE", raising=False)
    choose_dtype.cache_clear()
    yield tmp_path / "home"
    choose_dtype.cache_clear()


def test_home(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    assert cache_dir() == home
    monkeypatch.delenv("RESTAURO_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "restauro"


def test_devices() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda", "xpu", "mps")


@pytest.mark.parametrize("wish", ["gpu", "", "cuda:99", "cuda:x", "cpu:1", "tpu:0"])
def test_a_device_that_is_not_there_is_refused(wish: str) -> None:
    with pytest.raises(RecipeError, match="this machine has: cpu"):
        choose_device(wish)


@pytest.mark.parametrize(("fast", "chosen"), [(0.5, torch.bfloat16), (0.9, torch.float32), (20, torch.float32)])
def test_bfloat16_where_it_is_faster(monkeypatch: pytest.MonkeyPatch, fast: float, chosen: torch.dtype) -> None:
    monkeypatch.setattr(device, "_seconds", lambda _, dtype: fast if dtype == torch.bfloat16 else 1.0)
    assert choose_dtype(CPU) == chosen


def test_it_is_measured_once_per_machine(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    first = choose_dtype(CPU)  # really measured
    assert first in (torch.float32, torch.bfloat16)
    (key,) = json.loads((home / "dtype.json").read_text())
    assert torch.__version__ in key

    def never(*_: object) -> float:
        raise AssertionError("measured again")

    monkeypatch.setattr(device, "_seconds", never)
    choose_dtype.cache_clear()
    assert choose_dtype(CPU) == first
    assert not list(home.glob("*.part"))


@pytest.mark.parametrize("damage", ["", "{", "[1]", "3"])
def test_a_damaged_memory_is_measured_anew(monkeypatch: pytest.MonkeyPatch, home: Path, damage: str) -> None:
    home.mkdir()
    (home / "dtype.json").write_text(damage)
    monkeypatch.setattr(device, "_seconds", lambda *_: 1.0)
    assert choose_dtype(CPU) == torch.float32
    assert json.loads((home / "dtype.json").read_text())


def test_a_home_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(device, "_seconds", lambda *_: 1.0)
    assert choose_dtype(CPU) == torch.float32


def test_the_dtype_can_be_told(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("RESTAURO_DTYPE", "bfloat16")
    assert choose_dtype(CPU) == torch.bfloat16
    assert not home.exists()
    choose_dtype.cache_clear()
    monkeypatch.setenv("RESTAURO_DTYPE", "float8")
    with pytest.raises(RecipeError, match="float8"):
        choose_dtype(CPU)
