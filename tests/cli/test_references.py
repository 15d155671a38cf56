"""--reference: used where it is the person, refused where it is not, and asked for again by replay."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from restauro.systems.pgdiff import references
from tests.cli.conftest import Run


@pytest.fixture
def sharp(portraits: Path) -> Path:
    """The person of the damaged portrait."""
    return portraits / "sharp.png"


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    skimage = pytest.importorskip("skimage.data")
    Image.fromarray(skimage.astronaut()).crop((100, 0, 356, 256)).save(tmp_path / "stranger.png")
    return tmp_path / "stranger.png"


def test_a_reference_guides_and_is_asked_for_by_replay(
    run: Run, damaged: Path, sharp: Path, stranger: Path, tmp_path: Path
) -> None:
    plain, out, again = (tmp_path / name for name in ("plain.png", "out.png", "again.png"))
    run("restore", damaged, "-o", plain, "--steps", "1")
    done = run("restore", damaged, "-o", out, "--steps", "1", "--reference", sharp, "--json").json["done"][0]
    assert done["recipe"]["task"] == "reference" and len(done["recipe"]["reference_sha256"]) == 1
    assert done["report"]["faces"][0]["references"] == ["sharp.png"]
    assert out.read_bytes() != plain.read_bytes()
    words = ["replay", out, "--source", damaged, "-o", again]
    refused = run(*words)
    assert refused.code == 3 and "name it with --reference" in refused.err
    assert run(*words, "--reference", stranger).code == 3
    assert run(*words, "--reference", sharp, "--reference", stranger).code == 3
    assert "identical, byte for byte" in run(*words, "--reference", sharp).out


def test_a_wrong_person_is_refused_and_the_run_goes_on(
    run: Run, damaged: Path, stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "STRANGER", 0.5)
    plain, out, forced = (tmp_path / name for name in ("plain.png", "out.png", "forced.png"))
    run("restore", damaged, "-o", plain, "--steps", "1")
    done = run("restore", damaged, "-o", out, "--steps", "1", "--reference", stranger)
    assert done.code == 0 and "face 1 restored" in done.out
    assert "reference stranger.png does not look like the person in face 1 (likeness " in done.err
    assert "not used; --force-reference uses it" in done.err
    with Image.open(out) as one, Image.open(plain) as other:
        assert one.tobytes() == other.tobytes()
    done = run("restore", damaged, "-o", forced, "--steps", "1", "--reference", stranger, "--force-reference")
    assert done.code == 0 and "used as asked" in done.err
    with Image.open(forced) as one, Image.open(plain) as other:
        assert one.tobytes() != other.tobytes()


def test_a_reference_that_cannot_be_one(run: Run, damaged: Path, plain: Path, tmp_path: Path) -> None:
    done = run("restore", damaged, "-o", tmp_path / "a.png", "--reference", plain)
    assert done.code == 3 and "plain.jpg: no face was found in this reference photograph" in done.err
    assert done.err.count("\n") == 1
    done = run("restore", damaged, plain, "-o", tmp_path / "out", "--reference", tmp_path / "none.jpg")
    assert done.code == 3 and done.err.count("\n") == 1, "said once, not for every photograph"
    done = run("old-photo", damaged, "--reference", plain, "--faithful", "-o", tmp_path / "b.png")
    assert done.code == 2 and "--want identity" in done.err
