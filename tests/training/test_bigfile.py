"""Old Photos' container of training pictures: what is written is read, and broken ones are told."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro.core.errors import InputError
from restauro.training.bigfile import read_bigfile, write_bigfile
from restauro.training.data import load


def coded(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def container(tmp_path: Path) -> Path:
    write_bigfile(tmp_path / "old.bigfile", [("ä.png", coded(0)), ("b.png", b"no picture"), ("c.png", coded(2))])
    return tmp_path / "old.bigfile"


def test_what_is_written_is_read(container: Path) -> None:
    found = list(read_bigfile(container))
    assert found == [("ä.png", coded(0)), ("b.png", b"no picture"), ("c.png", coded(2))]
    assert container.read_bytes()[:11] == struct.pack("<ii", 3, 6) + "ä.".encode()


def test_training_reads_it(container: Path) -> None:
    for data in (load(container, 8), load(container.parent, 8, pattern="*.bigfile")):
        assert len(data) == 2 and data.size == 8 and [name.split(":")[-1] for name in data.broken] == ["b.png"]


def test_a_broken_one_is_told(container: Path) -> None:
    whole = container.read_bytes()
    for part, said in ((whole[:-3], "in the middle"), (whole[:9], "in the middle"), (whole[:6], "before its last")):
        container.write_bytes(part)
        with pytest.raises(InputError, match=f"old.bigfile: ends {said}"):
            list(read_bigfile(container))
    container.write_bytes(b"\xff\xd8\xff\xe0 a JPEG by another name")
    with pytest.raises(InputError, match="is no bigfile"):
        list(read_bigfile(container))
