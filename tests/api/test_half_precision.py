"""Every task in bfloat16, which is chosen where it is faster: it runs, and makes the picture that float32 makes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

import restauro.api
from restauro.core.device import choose_dtype

TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "restore": ("restore", {}),
    "reference": ("reference", {}),
    "colorize": ("colorize", {}),
    "inpaint": ("inpaint", {}),
    "old-photo, the holes told": ("old-photo", {}),
    "old-photo, scratches looked for": ("old-photo", {}),
    "enhance": ("enhance", {}),
    "upscale": ("upscale", {}),
    **{f"{task} by DiffBIR": (task, {"by": ("diffbir",)}) for task in ("restore", "colorize", "inpaint")},
}


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A blurred portrait and, beside it, its mask."""
    skimage = pytest.importorskip("skimage.data")
    portrait = Image.fromarray(skimage.astronaut()).crop((130, 0, 330, 220)).resize((120, 132))
    mask = np.zeros((132, 120), np.uint8)
    mask[60:66, 40:80] = mask[:, 100:102] = 255
    torn = np.array(portrait.filter(ImageFilter.GaussianBlur(1.5)))
    torn[mask > 0] = 255
    Image.fromarray(torn).save(tmp_path / "portrait.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


@pytest.fixture
def in_dtype(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def choose(name: str) -> None:
        monkeypatch.setenv("RESTAURO_DTYPE", name)
        choose_dtype.cache_clear()

    yield choose
    choose_dtype.cache_clear()


@pytest.mark.parametrize("name", TASKS)
def test_it_runs_and_looks_the_same(name: str, damaged: Path, in_dtype: Callable[[str], None]) -> None:
    task, settings = TASKS[name]
    recipe, mask = restauro.api.make_recipe(task, **settings), damaged / "mask.png"
    told: dict[str, Any] = {"mask": "auto" if "looked for" in name else mask if "inpaint" in name or "told" in name else None}
    told["reference"] = [damaged / "portrait.png"] * (task == "reference")
    found = []
    for dtype in ("float32", "bfloat16"):
        in_dtype(dtype)
        found.append(restauro.api.run(damaged / "portrait.png", recipe, **told).pixels)
    apart = 255 * np.abs(found[0] - found[1])
    assert 0 < apart.mean() < 2
