"""restore, enhance, colorize, inpaint, old-photo: what is written, what is said, how it ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Run


@pytest.fixture
def mask(damaged: Path, tmp_path: Path) -> Path:
    """A hole in the middle of the damaged portrait."""
    with Image.open(damaged) as picture:
        width, height = picture.size
    hole = np.zeros((height, width), np.uint8)
    hole[height // 3 : height // 2, width // 3 : width // 2] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_one_line_for_one_photograph(run: Run, damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = run("restore", damaged, "-o", out, "--steps", "2")
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1 and "face 1 restored" in done.out and f"saved {out}" in done.out
    assert pixels(out).shape == pixels(damaged).shape and (pixels(out) != pixels(damaged)).any()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.png"]


def test_its_recipe_is_printed_and_replayed(run: Run, damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    run("restore", damaged, "-o", out, "--steps", "2", "--seed", "5", "--sampler", "ddim:eta=0.5", "-q")
    assert run("recipe", out, "--json").json["sampler_knobs"] == {"eta": "0.5"}
    said = run("recipe", out)
    assert said.code == 0 and "seed" in said.out and "ddim" in said.out
    again = run("replay", out, "--source", damaged)
    assert again.code == 0 and "identical, byte for byte" in again.out, again.err
    assert (tmp_path / "out-replayed.png").read_bytes() == out.read_bytes()
    assert run("recipe", damaged).code == 3
    assert "exists already" in run("replay", out, "--source", damaged).err
    done = run("replay", out, "-o", tmp_path / "new.png")
    assert done.code == 3 and "name it with --source" in done.err


def test_a_photograph_without_work_is_copied(run: Run, plain: Path, tmp_path: Path) -> None:
    done = run("restore", plain, "-o", tmp_path / "same.jpg")
    assert done.code == 0 and "nothing to do: no face was found" in done.out
    assert (tmp_path / "same.jpg").read_bytes() == plain.read_bytes()


def test_json_is_one_document(run: Run, damaged: Path, plain: Path, tmp_path: Path) -> None:
    done = run("restore", damaged, plain, tmp_path / "none.jpg", "-o", tmp_path / "out", "--json", "--steps", "0")
    assert done.code == 6
    first, second = done.json["done"]
    assert first["changed"] and not second["changed"]
    assert first["report"]["faces"][0]["verdict"] == "restored"
    assert first["recipe"]["steps"] == 0
    assert done.json["failed"][0]["exit_code"] == 3


def test_a_failing_one_does_not_stop_the_others(run: Run, plain: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(plain.read_bytes()[:200])
    done = run("restore", broken, plain, "-o", tmp_path / "out")
    assert done.code == 6
    assert done.err.count("\n") == 1 and "broken.jpg" in done.err
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["plain.jpg"]
    assert run("restore", broken).code == 3


def test_copied_commands_of_other_tools_run(run: Run, damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    words = ["-w", "0.7", "--has_aligned", "--input_path", damaged, "--output_path", f"{out}/", "--bg_upsampler", "none"]
    assert run("restore", *words, "--num_steps", "1").code == 0
    assert (out / "damaged.png").exists()
    words = ["-i", damaged, "-o", f"{out}/", "--outscale", "2", "--only_center_face", "--suffix", "_gfp", "--ext", "auto"]
    done = run("restore", *words, "--fidelity_weight", "1", "--json")
    assert done.code == 0
    assert done.json["done"][0]["recipe"]["fidelity"] == 1
    assert pixels(out / "damaged_gfp.png").shape[0] == 2 * pixels(damaged).shape[0]


def test_results_are_replaced_only_when_asked(run: Run, plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    assert run("restore", plain, "-o", out).code == 0
    done = run("restore", plain, "-o", out)
    assert done.code == 4 and "--overwrite replaces it" in done.err
    assert run("restore", plain, "-o", out, "--overwrite").code == 0


@pytest.mark.parametrize("place", ["no/out.jpg", "plain.jpg/out.jpg", "out.xyz"])
def test_a_place_that_cannot_be_written(run: Run, plain: Path, tmp_path: Path, place: str) -> None:
    shutil.copy(plain, tmp_path)
    done = run("restore", plain, "-o", tmp_path / place)
    assert done.code == 4 and done.err.count("\n") == 1 and not done.out


def test_the_original_stays(run: Run, plain: Path) -> None:
    before = plain.read_bytes()
    assert run("restore", plain, "-o", plain, "--overwrite").code == 4
    assert plain.read_bytes() == before


def test_format_metadata_and_comparison(run: Run, damaged: Path, tmp_path: Path) -> None:
    source = tmp_path / "dated.png"
    exif = Image.Exif()
    exif[306] = "1911:05:06 07:08:09"
    Image.open(damaged).save(source, exif=exif)
    words = ["restore", source, "--ext", "jpg", "--quality", "70", "--steps", "0"]
    assert run(*words, "-o", f"{tmp_path}/", "--compare", tmp_path / "compare.png").code == 0
    assert run(*words, "--suffix", "-bare", "--strip-metadata").code == 0
    with Image.open(tmp_path / "dated-restored.jpg") as kept, Image.open(tmp_path / "dated-bare.jpg") as bare:
        assert kept.format == bare.format == "JPEG"
        assert kept.getexif()[306] == exif[306] and not bare.getexif()
    with Image.open(tmp_path / "compare.png") as picture:
        assert picture.width > 1.5 * picture.height


def test_inpaint_keeps_every_other_pixel(run: Run, damaged: Path, mask: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = run("inpaint", damaged, "--mask", mask, "-o", out, "--steps", "2")
    assert done.code == 0, done.err
    hole = np.asarray(Image.open(mask)) > 0
    assert (pixels(out)[~hole] == pixels(damaged)[~hole]).all()
    assert (pixels(out)[hole] != pixels(damaged)[hole]).any()


def test_masks_are_found_by_name(run: Run, damaged: Path, mask: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    done = run("inpaint", damaged, "--mask", masks)
    assert done.code == 3 and "there is no mask of this name" in done.err
    shutil.copy(mask, masks / "damaged.png")
    assert run("inpaint", damaged, "--mask", masks, "-o", tmp_path / "out.png", "--steps", "0").code == 0


def wrong_size(mask: np.ndarray) -> np.ndarray:
    return mask[:-1]


def hides_all(mask: np.ndarray) -> np.ndarray:
    return np.full_like(mask, 255)


def hides_nothing(mask: np.ndarray) -> np.ndarray:
    return np.zeros_like(mask)


@pytest.mark.parametrize(
    ("change", "said"), [(wrong_size, "one size"), (hides_all, "hides the whole picture"), (hides_nothing, "hides nothing")]
)
def test_a_mask_that_will_not_do(
    run: Run, damaged: Path, mask: Path, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    Image.fromarray(change(np.asarray(Image.open(mask)))).save(mask)
    done = run("inpaint", damaged, "--mask", mask, "-o", tmp_path / "out.png")
    assert done.code == 3 and said in done.err
    assert not (tmp_path / "out.png").exists()


def test_colorize_and_old_photo(run: Run, damaged: Path, mask: Path, tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    Image.open(damaged).convert("L").save(grey)
    done = run("colorize", grey, "-o", tmp_path / "colour.png", "--steps", "1")
    assert done.code == 0 and "a guess" in done.err
    assert np.ptp(pixels(tmp_path / "colour.png"), -1).max() > 0
    done = run("old-photo", grey, "--mask", mask, "-o", tmp_path / "old.png", "--steps", "1")
    assert done.code == 0
    assert np.ptp(pixels(tmp_path / "old.png"), -1).max() == 0  # grey stays grey


def test_enhance_works_on_good_faces_and_says_what_it_invented(run: Run, portraits: Path, tmp_path: Path) -> None:
    sharp = portraits / "sharp.png"
    done = run("enhance", sharp, "-o", tmp_path / "crisp.png", "--steps", "2")
    assert done.code == 0 and "fine detail invented: " in done.out and "is a guess of the network" in done.err
    assert (pixels(tmp_path / "crisp.png") != pixels(sharp)).any()
    assert (tmp_path / "crisp.png").exists() and run("recipe", tmp_path / "crisp.png", "--json").json["task"] == "enhance"


def test_faithful_and_wants(run: Run, damaged: Path, tmp_path: Path) -> None:
    words = ["--aligned", "--faithful", "--steps", "2", "--start", "0.4", "--scale", "0.1", "--json"]
    done = run("restore", damaged, "-o", tmp_path / "a.png", *words)
    assert done.code == 0 and done.json["done"][0]["recipe"]["published"]["scale"] == 0.1
    words = ["--aligned", "--steps", "2", "--want", "smooth-semantics:cutoff=0.3", "--want", "lightness:weight=0.5", "--json"]
    done = run("restore", damaged, "-o", tmp_path / "b.png", *words)
    assert done.code == 0
    assert [want["property"] for want in done.json["done"][0]["recipe"]["wants"]] == ["smooth-semantics", "lightness"]
    done = run("restore", damaged, "-o", tmp_path / "c.png", "--steps", "1", "--want", "lightness:wait=1")
    assert done.code == 2 and "has no knob 'wait'" in done.err


@pytest.mark.parametrize("option", ["--prior", "--restorer"])
def test_weights_that_are_not_there_are_said_once(run: Run, damaged: Path, plain: Path, option: str) -> None:
    done = run("restore", damaged, plain, option, "no-such")
    assert done.code == 5 and done.err.count("\n") == 1 and "no weights named 'no-such'" in done.err


def test_a_face_that_is_not_there(run: Run, damaged: Path, tmp_path: Path) -> None:
    done = run("restore", damaged, "--faces", "9", "-o", tmp_path / "out.png")
    assert done.code == 2 and "there is no face 9" in done.err


def test_ctrl_c_leaves_nothing(run: Run, damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("restauro.systems.pgdiff.engine.run", stop)
    done = run("restore", damaged, "-o", tmp_path / "out.png")
    assert done.code == 130 and not list(tmp_path.iterdir())


def test_no_memory_is_one_line(run: Run, damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr("restauro.systems.pgdiff.engine.run", burst)
    done = run("restore", damaged, "-o", tmp_path / "out.png")
    assert done.code == 3 and "not enough memory" in done.err


def test_a_bar_on_a_terminal(run: Run, damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar goes to stderr; stdout keeps its one line."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    done = run("restore", damaged, "-o", tmp_path / "out.png", "--steps", "2")
    assert done.code == 0 and done.out.count("\n") == 1
    assert "damaged.png" in done.err and "%" in done.err


def test_quiet(run: Run, damaged: Path, tmp_path: Path) -> None:
    done = run("restore", damaged, "-o", tmp_path / "out.png", "--steps", "0", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
