"""The other commands: lists, models, inspect, degrade, sample, doctor, demo."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from restauro.core.recipe import Recipe
from restauro.core.registry import DEGRADATIONS, PROPERTIES, SAMPLERS, Registry
from restauro.systems.pgdiff.recipe import PUBLISHED
from restauro.weights.store import shipped_folder
from tests.cli.conftest import Run


@pytest.mark.parametrize("registry", [PROPERTIES, SAMPLERS, DEGRADATIONS], ids=lambda one: one.kind)
def test_registries(run: Run, registry: Registry) -> None:
    command, names = {"property": "properties"}.get(registry.kind, f"{registry.kind}s"), registry.names()
    entries = run(command, "list").out.split("\n\n")[0]  # below those of degradations stand the named chains
    assert [line.split()[0] for line in entries.splitlines()] == names
    assert [one["name"] for one in run(command, "list", "--json").json] == names
    for name in names:
        shown = run(command, "show", name, "--json").json
        said = run(command, "show", name).out
        for knob in shown["knobs"]:
            assert knob["help"] and knob["help"] in said


def test_recipes(run: Run) -> None:
    assert "AS PUBLISHED" in run("recipes", "list").out
    for task in PUBLISHED:
        ours = Recipe.from_json(run("recipes", "show", task, "--json").out)
        published = Recipe.from_json(run("recipes", "show", task, "--json", "--faithful").out)
        assert ours.task == published.task == task and published.faithful and not ours.faithful
    assert run("recipes", "show", "old_photo").code == run("recipes", "show", "enhance").code == 0
    assert "never published" in run("recipes", "show", "enhance", "--faithful").err
    assert run("recipes", "list", "--json").json.keys() == {"ours", "faithful"}


def test_models(run: Run) -> None:
    listed = run("models", "list").out
    assert "face-prior" in listed and "MB" in listed
    names = [one["name"] for one in run("models", "list", "--json").json]
    shown = run("models", "show", "face-prior", "--json").json
    assert shown["name"] == "face-prior" and Path(shown["path"]).exists()
    assert "training data" in run("models", "show", "face-prior").out
    done = run("models", "verify")
    assert done.code == 0 and done.out.count(": intact, SHA-256") == len(names)
    assert run("models", "show", "face-prio").code == 5


def test_damaged_weights_are_named(run: Run, restauro_home: Path) -> None:
    folder = restauro_home / "weights"
    folder.mkdir(exist_ok=True)
    passport = json.loads((shipped_folder() / "face-restorer.json").read_text()) | {"name": "torn", "file": ""}
    (folder / "torn.json").write_text(json.dumps(passport))
    (folder / "torn.safetensors").write_bytes((shipped_folder() / "face-restorer.safetensors").read_bytes()[:-1])
    try:
        done = run("models", "verify")
        assert done.code == 5 and "torn.safetensors is damaged" in done.err and "face-prior: intact" in done.out
        assert run("models", "verify", "face-prior").code == 0
        assert [one["intact"] for one in run("models", "verify", "torn", "--json").json] == [False]
        assert run("doctor").code == 5
    finally:
        shutil.rmtree(folder)


def test_an_import_tells_the_licence_once(run: Run, restauro_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("models", "import", tmp_path / "none.pth").code == 5
    junk = tmp_path / "junk.pth"
    junk.write_bytes(b"junk")
    assert run("models", "import", junk).code == 5
    detector = tmp_path / "face_detection_yunet_2023mar.onnx"
    detector.write_bytes(b"\x08" + b"cls_8 obj_16 bbox_32 kps_32")
    try:
        done = run("models", "import", detector, "--name", "finder")
        assert done.code == 0 and "imported finder (detector)" in done.out
        assert done.err == "licence: finder: MIT\n"
        assert run("models", "show", "finder", "--json").json["kind"] == "detector"
    finally:
        shutil.rmtree(restauro_home / "weights")


def test_inspect(run: Run, damaged: Path, plain: Path, tmp_path: Path) -> None:
    done = run("inspect", damaged, plain, tmp_path / "none.png")
    assert done.code == 6
    assert "sharpness" in done.out and "face 1" in done.out and "no face was found" in done.out
    seen = run("inspect", damaged, "--json", "--draw-boxes", tmp_path / "boxes.png").json["done"][0]
    assert seen["faces"][0]["number"] == 1 and seen["damage"]["blur"] > 0
    with Image.open(tmp_path / "boxes.png") as boxes, Image.open(damaged) as picture:
        assert boxes.size == picture.size and boxes.tobytes() != picture.tobytes()
    assert run("inspect", damaged, plain, "--draw-boxes", tmp_path / "x.png").code == 2


def test_degrade(run: Run, portraits: Path, tmp_path: Path) -> None:
    sharp = portraits / "sharp.png"
    done = run("degrade", sharp, "--chain", "holes", "--seed", "3", "-o", tmp_path / "torn.png")
    assert done.code == 0 and "torn-mask.png" in done.out
    with Image.open(tmp_path / "torn-mask.png") as mask, Image.open(sharp) as picture:
        assert mask.size == picture.size
    done = run("degrade", sharp, "--chain", "grey+blur:low=2,high=3", "-o", tmp_path / "c.png", "--json")
    assert [link for link, _ in done.json["done"][0]["drawn"]] == ["grey", "blur"]
    first = run("degrade", sharp, "--seed", "4", "-o", tmp_path / "a.png", "--json").json["done"][0]
    second = run("degrade", sharp, "--seed", "4", "-o", tmp_path / "b.png", "--json").json["done"][0]
    assert first["drawn"] == second["drawn"] and first["mask"] == ""
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_degrade_shows_all(run: Run, portraits: Path, tmp_path: Path) -> None:
    """One sheet; of a chain that chooses among links only what it chose is told."""
    done = run("degrade", portraits / "sharp.png", "--all", "-o", tmp_path / "all.png")
    assert done.code == 0 and "all.png" in done.out
    with Image.open(tmp_path / "all.png") as sheet:
        assert min(sheet.size) > 6 * 256 - 1
    assert "--all shows every chain" in run("degrade", "a.png", "--all", "--chain", "holes").err
    told = run("degrade", portraits / "sharp.png", "--chain", "blur:p=0+jpeg:p=1,low=7,high=7", "-o", tmp_path / "p.png").out
    assert "jpeg quality=7" in told and "blur" not in told and "one-of" not in told
    listed = run("degradations", "list").out
    assert "real-esrgan" in listed and "motion-blur" in listed


def test_sample(run: Run, tmp_path: Path) -> None:
    done = run("sample", "-n", "3", "--steps", "1", "-o", tmp_path / "sheet.png")
    assert done.code == 0 and "3 pictures" in done.out
    done = run("sample", "-n", "2", "--steps", "1", "-o", f"{tmp_path}/single/", "--json")
    assert done.code == 0 and [Path(one).exists() for one in done.json["files"]] == [True, True]
    assert run("sample", "-n", "1", "--steps", "1", "-o", tmp_path / "sheet.png").code == 4
    assert run("sample", "-n", "1", "--prior", "face-restorer", "-o", tmp_path / "x.png").code == 5


def test_doctor(run: Run) -> None:
    done = run("doctor")
    assert done.code == 0, done.out
    for what in ("PyTorch", "device", "precision", "face-prior", "face detector", "heic", "cache folder"):
        assert what in done.out
    assert {one["state"] for one in run("doctor", "--json").json} <= {"ok", "missing"}


def test_doctor_names_what_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("restauro.cli.doctor.EXTRAS", {"wings": (("no_such_module",), "flies")})
    (tmp_path / "file").touch()
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "file" / "home"))
    done = run("doctor")
    assert done.code == 0
    assert "pip install 'restauro[wings]'" in done.out and "cannot be written" in done.out


def test_demo_without_its_packages(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("restauro.cli.demo.importlib.util.find_spec", lambda name: None)
    done = run("demo", "-o", tmp_path / "sheet.png")
    assert done.code == 3 and "pip install 'restauro[demo]'" in done.err


def test_demo_of_a_photograph(run: Run, damaged: Path, plain: Path, tmp_path: Path) -> None:
    done = run("demo", damaged, "-o", tmp_path / "new" / "sheet.png")
    assert done.code == 0 and "saved" in done.out, done.err
    assert run("demo", plain, "-o", tmp_path / "x.png").code == 3


@pytest.mark.slow
def test_demo(run: Run, portraits: Path, tmp_path: Path) -> None:
    done = run("demo", "-o", tmp_path / "sheet.png", "--json")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1000
