"""What `--with diffbir` will take is said beforehand, with what would do where it is too much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro.cli._forecast import forecast
from restauro.core import device
from tests.cli.conftest import Run
from tests.systems.diffbir.latent_weights import ours, stock
from tests.systems.oldphotos.old_weights import photograph

PIXELS = np.zeros((300, 400, 3), np.float32)


@pytest.fixture(scope="module")
def names(restauro_home: Path) -> dict[str, str]:
    return stock("any-forecast", face_template="")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> object:
    return lambda size: monkeypatch.setattr(device, "free_main_memory", lambda: size)


def test_with_room_it_is_said_in_short(names: dict[str, str], free: object) -> None:
    free(1e12)  # type: ignore[operator]
    said = forecast(ours(names, tile_size=128), PIXELS, "cpu", False)
    assert "MB of memory at most, 3 calls of the prior for each of" in said and "free" not in said


def test_without_it_what_would_do_is_said(names: dict[str, str], free: object) -> None:
    needs = float(forecast(ours(names), PIXELS, "cpu", False).split(" MB")[0].removeprefix("about ")) * 1e6
    free(0.7 * needs)  # type: ignore[operator]
    said = forecast(ours(names), PIXELS, "cpu", False)
    assert "is free: try " in said and "a picture of 200 x 150 and --low-memory" in said
    free(0)  # type: ignore[operator]
    assert forecast(ours(names), PIXELS, "cpu", True).endswith("only 0 MB is free: it may fail")


def test_other_systems_take_little() -> None:
    from restauro.systems.pgdiff.recipe import TASKS

    assert forecast(TASKS["restore"], PIXELS, "cpu", False) == ""


def test_low_memory_gives_the_same_bytes_and_a_note_says_what_it_takes(run: Run, tmp_path: Path, names: dict[str, str]) -> None:
    photo, found = tmp_path / "photo.png", []
    Image.fromarray((photograph(40, 56) * 255).astype(np.uint8)).save(photo)
    words = [word for name, value in names.items() for word in (f"--{name}", value)]
    for more in ([], ["--low-memory"]):
        out = tmp_path / f"out{len(more)}.png"
        done = run("restore", photo, "--with", "diffbir", *words, "--steps", "1", "--strip-metadata", "-o", out, *more)
        assert done.code == 0 and "note: about" in done.err and "one call of the prior" in done.err, done.err
        found.append(np.asarray(Image.open(out)))
    assert np.array_equal(found[0], found[1])
