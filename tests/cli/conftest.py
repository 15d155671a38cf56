"""The command line in this process, and a portrait to work on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from restauro.cli import main


class Ran(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """`run("restore", path, ...)`."""

    def command(*words: str | Path) -> Ran:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Ran(code, *capfd.readouterr())

    return command


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sharp portrait, the same one damaged, and a picture without a face. Read only."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    from restauro import api
    from restauro.cli.demo import PORTRAITS, find_portrait

    folder = tmp_path_factory.mktemp("portraits")
    with image.open(find_portrait(PORTRAITS[1])) as picture:
        sharp = picture.convert("RGB").resize((256, 300))
    sharp.save(folder / "sharp.png")
    api.degrade(sharp, "codeformer", seed=2)[0].save(folder / "damaged.png")
    image.new("RGB", (96, 64), (120, 90, 60)).save(folder / "plain.jpg")
    return folder


@pytest.fixture
def damaged(portraits: Path) -> Path:
    return portraits / "damaged.png"


@pytest.fixture
def plain(portraits: Path) -> Path:
    return portraits / "plain.jpg"
