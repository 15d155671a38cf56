"""Nothing half-written ever stands under its final name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import pytest

from restauro.core.errors import InputError, OutputError
from restauro.core.files import by_name, write_atomically


def test_content_and_function(tmp_path: Path) -> None:
    assert write_atomically(tmp_path / "a", b"one") == tmp_path / "a"
    write_atomically(tmp_path / "a", lambda file: file.write(b"two"))
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"two")]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, stop: type[BaseException]) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def writer(file: BinaryIO) -> None:
        file.write(b"half")
        raise stop

    with pytest.raises(stop):
        write_atomically(tmp_path / "a", writer)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"old")]


def test_refusals(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already"):
        write_atomically(tmp_path / "a", b"new", overwrite=False)
    with pytest.raises(OutputError, match="is a folder"):
        write_atomically(tmp_path, b"new")
    with pytest.raises(OutputError, match="does not exist"):
        write_atomically(tmp_path / "no" / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to("a")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.stat(tmp_path / "a").st_mode & 0o777 == 0o640


def test_the_longest_name(tmp_path: Path) -> None:
    name = "n" * 255
    assert write_atomically(tmp_path / name, b"x").exists()


def test_files_by_name(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.PNG", "in/a.jpg", "notes.txt"):
        (tmp_path / name).touch()
    assert by_name(tmp_path, {".png", ".jpg"}) == {"b": tmp_path / "b.PNG", "in/a": tmp_path / "in" / "a.jpg"}
    (tmp_path / "b.jpg").touch()
    with pytest.raises(InputError, match="have one name"):
        by_name(tmp_path, {".png", ".jpg"})
    with pytest.raises(InputError, match="no such folder"):
        by_name(tmp_path / "none", {".png"})
