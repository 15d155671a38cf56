"""A plug-in of three files, one property, one sampler, one degradation, is listed, shown, used and swept by the laws.

Nothing but its own files and its entry points tells restauro of it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FILES = {
    "warmth.py": '''"""Warmth: how far red is above blue, on average."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property


class Warmth(Property, frozen=True, kw_only=True):
    """The mean of red minus blue equals the observed one, plus `more`."""

    more: Annotated[float, Knob("warmer than the picture by so much", ge=-1, le=1)] = 0.2

    def measure(self, clean: Tensor) -> Tensor:
        return (clean[:, 0] - clean[:, 2]).mean((1, 2))

    def target(self, observed: Observation) -> Tensor:
        return self.measure(observed.picture) + self.more

    def distance(self, clean: Tensor, target: Tensor) -> Tensor:
        return (self.measure(clean) - target).square()

    def project(self, clean: Tensor, target: Tensor) -> Tensor:
        missing = (target - self.measure(clean))[:, None, None, None]
        return clean + missing * clean.new_tensor([0.5, 0.0, -0.5])[:, None, None]
''',
    "stroll.py": '''"""Stroll: DDIM that exchanges a share of the noise at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.walk import Proposal, walk


class Stroll(Sampler, frozen=True, kw_only=True):
    """x' = sqrt(a') x_0 + sqrt(1 - a') (sqrt(1 - fresh) eps + sqrt(fresh) z)."""

    fresh: Annotated[float, Knob("share of the noise's variance that is drawn anew", ge=0, le=1)] = 0.0

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Callable[[], Tensor]) -> Proposal:
            before = float(schedule.alphas_cumprod_prev[t])
            kept = (1 - self.fresh) ** 0.5 * schedule.noise_from_clean(x, t, estimate.clean)
            mean = before**0.5 * estimate.clean + (1 - before) ** 0.5 * kept
            x_next = mean + ((1 - before) * self.fresh) ** 0.5 * draw() if t and self.fresh else mean
            return Proposal(mean, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose)
''',
    "rain.py": '''"""Rain: pale streaks across the picture."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, field, seed_of


class Rain(Degradation, frozen=True, kw_only=True):
    """Columns turn paler by amounts of their own."""

    strength: Annotated[float, Knob("how pale the palest streaks are", ge=0, le=1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        return {"strength": float(rng.uniform(0, self.strength)), "seed": seed_of(rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        veil = params["strength"] * field(params["seed"], 1, 1, 1, picture.shape[-1]).abs().clamp(max=1).to(picture)
        return picture * (1 - veil) + veil
''',
}
POINTS = """[restauro.properties]
warmth = weather.warmth:Warmth
[restauro.diffusion.samplers]
stroll = weather.stroll:Stroll
[restauro.degradations]
rain = weather.rain:Rain
"""
ENTRIES = {"properties": ("warmth", "more"), "samplers": ("stroll", "fresh"), "degradations": ("rain", "strength")}
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path with the package `weather` and its metadata, as pip leaves them."""
    folder = tmp_path_factory.mktemp("site")
    for name, text in {"__init__.py": "", **FILES}.items():
        path = folder / "weather" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    info = folder / "weather-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weather\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    return folder


def python(folder: Path, *arguments: str | Path) -> str:
    """What a fresh Python prints with the plug-in installed."""
    path = os.pathsep.join(filter(None, [str(folder), str(REPOSITORY / "src"), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("plural", ENTRIES)
def test_it_is_listed_and_shown(installed: Path, plural: str) -> None:
    name, knob = ENTRIES[plural]
    listed = {entry["name"]: entry["what"] for entry in json.loads(python(installed, "-m", "restauro", plural, "list", "--json"))}
    assert listed[name].startswith(f"{name.capitalize()}: ")
    shown = json.loads(python(installed, "-m", "restauro", plural, "show", name, "--json"))
    assert [one["name"] for one in shown["knobs"]] == [knob] and shown["knobs"][0]["help"] and ".." in shown["knobs"][0]["range"]


def test_it_restores_a_picture_and_travels_in_its_recipe(installed: Path, tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(60, 200, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "in.png")
    how = ["--aligned", "--steps", "2", "--want", "warmth:more=0.3", "--sampler", "stroll:fresh=0.2"]
    python(installed, "-m", "restauro", "restore", tmp_path / "in.png", "-o", tmp_path / "out.png", *how)
    recipe = json.loads(python(installed, "-m", "restauro", "recipe", tmp_path / "out.png", "--json"))
    recipe = recipe.get("recipe", recipe)
    assert recipe["sampler"] == "stroll" and float(recipe["sampler_knobs"]["fresh"]) == 0.2
    assert [want["property"] for want in recipe["wants"]] == ["warmth"]
    before, after = (np.asarray(Image.open(tmp_path / name).convert("RGB"), float) for name in ("in.png", "out.png"))
    warmer = [(picture[..., 0] - picture[..., 2]).mean() / 127.5 for picture in (before, after)]
    assert warmer[1] - warmer[0] == pytest.approx(0.3, abs=0.05)


def test_its_damage_is_a_link_of_chains(installed: Path) -> None:
    code = (
        "import numpy as np, torch; from restauro.degradations.chains import degrade;"
        "damaged = degrade(torch.zeros(1, 3, 16, 16), 'rain:strength=0.9+jpeg', np.random.default_rng(0));"
        "print([link for link, _ in damaged.params], bool(damaged.picture.mean() > 0))"
    )
    assert python(installed, "-c", code).strip() == "['rain', 'jpeg'] True"


def test_the_laws_sweep_it(installed: Path) -> None:
    """Not one test was written for it: the parametrisation finds it."""
    found = python(installed, "-m", "pytest", "tests/laws", "-k", "warmth or stroll or rain", "-q", "-p", "no:cacheprovider")
    passed = int(re.search(r"(\d+) passed", found)[1])  # type: ignore[index]
    assert passed >= 30 and "failed" not in found and "skipped" not in found, found[-2000:]


def test_without_it_its_names_are_unknown() -> None:
    with pytest.raises(AssertionError, match="unknown property 'warmth'"):
        python(REPOSITORY / "src", "-m", "restauro", "properties", "show", "warmth")
