"""What can be trained is found in the systems' folders, plug-ins included, and so are presets; files of settings are checked."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from restauro.api import parts
from restauro.core import registry
from restauro.core.errors import RecipeError
from restauro.core.knobs import build
from restauro.core.registry import SYSTEMS, Registry
from restauro.training.run import Run
from restauro.weights.passports import Passport, read_passport
from restauro.weights.store import shipped_folder

OBJECTIVE = '''"""What the system of a plug-in trains."""

from tests.training.tiny import Tiny
from restauro.core.knobs import Knobbed


class Toy(Knobbed, frozen=True, kw_only=True):
    widths: int = 4

    def __getattr__(self, name):
        return getattr(Tiny(self.widths), name)


PARTS = {"toy": Toy}
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a system of its own, as an entry point names it."""
    folder = tmp_path / "elsewhere" / "my_system"
    (folder / "presets").mkdir(parents=True)
    for name, text in {"__init__.py": "", "recipe.py": "", "objective.py": OBJECTIVE}.items():
        (folder / name).write_text(text)
    (folder / "presets" / "small-toy.json").write_text('{"part": "toy", "objective": {"widths": 2}, "run": {"steps": 3}}')
    monkeypatch.syspath_prepend(str(folder.parent))
    for module in [name for name in sys.modules if name.startswith("my_system")]:
        del sys.modules[module]
    points = [EntryPoint("mine", "my_system", SYSTEMS.package)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == SYSTEMS.package else [])
    monkeypatch.setattr(parts, "SYSTEMS", Registry("system", SYSTEMS.package, "builtins:object"))
    return folder


def test_every_system_s_parts_are_listed_and_there() -> None:
    found = parts.parts()
    assert {"prior", "restorer", "identity", "critic", "classifier", "ddpm", "sr3"} <= found.keys()
    assert found["sr3"] == "restauro.systems.sr3"
    for part in found:
        build(parts.objective(part), {})  # all have defaults
    with pytest.raises(RecipeError, match="did you mean 'prior'"):
        parts.objective("priot")


def test_listing_loads_no_torch() -> None:
    code = "from restauro.api import parts; parts.parts(); parts.presets(); import sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


def test_a_plug_in_adds_training_by_one_file(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from restauro import api
    from restauro.api import training
    from tests.training.tiny import pictures

    assert parts.parts()["toy"] == "my_system" and parts.presets()["small-toy"].objective == {"widths": 2}
    config = parts.config("small-toy")
    monkeypatch.setattr(training, "load_pictures", lambda *_, **__: pictures())
    news = list(api.train(config.part, "anywhere", out=tmp_path / "run", objective=config.objective, **config.run))
    assert [one.step for one in news] == [1, 2, 3]
    again = parts.config(str(tmp_path / "run" / "config.json"))
    assert (again.part, again.objective, again.run) == ("toy", {"widths": 2}, {"steps": 3})


def test_no_two_systems_train_the_same(plugin: Path) -> None:
    (plugin / "objective.py").write_text('PARTS: dict = {"prior": None}')
    with pytest.raises(RecipeError, match="two systems"):
        parts.parts()


def test_presets_hold_what_there_is() -> None:
    for name, config in parts.presets().items():
        assert config.what and config.part in parts.parts(), name
        build(parts.objective(config.part), config.objective, name=name)
        assert config.run.get("minutes") or config.run.get("steps"), name
        build(Run, config.run, name=name)


@pytest.mark.parametrize("file", sorted(shipped_folder().glob("*.json")), ids=lambda file: file.stem)
def test_every_shipped_file_has_a_preset_of_its_network(file: Path) -> None:
    passport: Passport = read_passport(file)
    config = parts.presets()[passport.name]
    made = json.loads(json.dumps(build(parts.objective(config.part), config.objective).passport()))
    for name in ("kind", "architecture", "arguments", "prediction", "schedule"):
        assert made.get(name, "") == getattr(passport, name), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"part": "prior", "knobs": {}}', "has no knob 'knobs'"),
        ('{"size": 8}', "size"),
        ('{"run": 3}', "run"),
        ("[]", "expected a JSON object"),
        ("{", "is no JSON"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RecipeError, match=words) as refusal:
        parts.config(str(tmp_path / "a.json"))
    assert "\n" not in str(refusal.value) and "a.json" in str(refusal.value)


def test_a_missing_file_or_preset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        parts.config(str(tmp_path / "none.json"))
    with pytest.raises(RecipeError, match="did you mean 'face-prior'"):
        parts.config("face-priot")


def test_a_configuration_survives_its_file(tmp_path: Path) -> None:
    config = parts.Config(part="prior", objective={"width": 32, "mult": [1, 2]}, run={"steps": 5}, size=64, stored=80)
    (tmp_path / "a.json").write_bytes(config.to_json())
    assert parts.config(str(tmp_path / "a.json")) == config
    assert json.loads(config.to_json()).keys() == {"part", "objective", "run", "size", "stored"}
