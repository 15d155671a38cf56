"""Which photographs are meant and where their results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from restauro.cli._files import check_free, jobs, photographs
from restauro.core.errors import InputError, OutputError, RecipeError


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.JPG", "a.png", ".hidden.jpg", "desktop.ini", "Thumbs.db", "letter.pdf", "sub/c.jpg"):
        (folder / name).write_bytes(b"x")
    (folder / "no-suffix").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def test_a_folder_means_its_pictures(album: Path) -> None:
    found, others = photographs([str(album)])
    assert [one.name for one in found] == ["a.png", "b.JPG", "no-suffix"]
    assert others == 3


def test_earlier_results_are_no_photographs(album: Path) -> None:
    for name in ("a-restored.png", "a-restored-12.png", "a-restored-variants.png", "a-restored-spread.png", "sky-restored.png"):
        (album / name).write_bytes(b"x")
    found, others = photographs([str(album)], "-restored")
    assert [one.name for one in found] == ["a.png", "b.JPG", "no-suffix", "sky-restored.png"] and others == 3
    assert album / "a-restored.png" in photographs([str(album / "a-restored.png")], "-restored")[0]


def test_a_file_that_was_named_is_kept_whatever_it_is(album: Path) -> None:
    words = [str(album / "letter.pdf"), str(album / "nowhere.jpg"), str(album / "letter.pdf")]
    found, _ = photographs(words)
    assert [str(one) for one in found] == words[:2]


def test_a_pattern_the_shell_left(album: Path) -> None:
    assert [one.name for one in photographs([str(album / "*.png")])[0]] == ["a.png"]


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture in this folder"):
        photographs([str(tmp_path)])


def plan(words: list[Path], output: str | None = None, suffix: str | None = None, ending: str = "") -> list[Path]:
    named = [str(word) for word in words]
    return [job.output for job in jobs(named, photographs(named)[0], output, suffix, ending, "-restored")]


def test_results_lie_beside_their_photographs(album: Path) -> None:
    assert plan([album / "b.JPG"]) == [album / "b-restored.JPG"]
    assert plan([album / "b.JPG"], suffix="_2", ending="png") == [album / "b_2.png"]
    assert plan([album]) == [album / "a-restored.png", album / "b-restored.JPG", album / "no-suffix-restored"]


def test_an_output_is_a_file_for_one_and_a_folder_for_several(album: Path, tmp_path: Path) -> None:
    assert plan([album / "a.png"], f"{tmp_path}/x.jpg") == [tmp_path / "x.jpg"]
    assert plan([album / "a.png"], f"{tmp_path}/new/") == [tmp_path / "new" / "a.png"]
    assert plan([album / "a.png"], str(tmp_path)) == [tmp_path / "a.png"]
    out = tmp_path / "deep" / "out"
    assert plan([album / "a.png", album / "b.JPG"], str(out)) == [out / "a.png", out / "b.JPG"]
    assert out.is_dir()


def test_the_original_is_never_overwritten(album: Path) -> None:
    with pytest.raises(OutputError, match="is the photograph itself"):
        plan([album / "a.png"], str(album / "a.png"))
    assert plan([album / "a.png"], str(album)) == [album / "a-restored.png"]
    assert plan([album / "a.png"], suffix="") == [album / "a-restored.png"]
    (album / "link.png").symlink_to(album / "a.png")
    with pytest.raises(OutputError, match="is the photograph itself"):
        plan([album / "a.png"], str(album / "link.png"))


def test_two_results_do_not_meet(album: Path, tmp_path: Path) -> None:
    (album / "sub" / "a.png").write_bytes(b"x")
    with pytest.raises(RecipeError, match="would both be written to"):
        plan([album / "a.png", album / "sub" / "a.png"], str(tmp_path / "out"))


def test_a_place_that_will_not_do_is_said_before_the_work(album: Path, tmp_path: Path) -> None:
    check_free(tmp_path / "new.png", False)
    check_free(album / "a.png", True)
    wrong = {album / "a.png": "exists already", album: "is a folder", tmp_path / "no" / "x.png": "does not exist"}
    for place, said in wrong.items():
        with pytest.raises(OutputError, match=said):
            check_free(place, False)
    with pytest.raises(OutputError, match="cannot be made a folder"):
        plan([album], str(album / "a.png" / "out"))
