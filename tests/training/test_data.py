"""Training pictures from folders and tars; broken ones are counted, not fatal."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro.core.errors import InputError
from restauro.training.data import Pictures, Shelf, load


def encoded(level: int, size: tuple[int, int] = (8, 8), form: str = "PNG", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (level, 0, 255 - level)).convert(mode).save(file, form)
    return file.getvalue()


def tar(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("__", "."))
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def shade(data: Pictures) -> list[int]:
    return data.pixels[:, 0].float().mean((1, 2)).round().int().tolist()


def test_a_tar_of_pictures_and_records_in_either_order(tmp_path: Path) -> None:
    """Sorted by name, KEY.jpg comes before KEY.json and KEY.png after it."""
    path = tar(
        tmp_path / "a.tar",
        one__json=b'{"sharp": 1}',
        one__png=encoded(10),
        three__png=encoded(30),
        two__png=encoded(20),
        two__json=b'{"sharp": 2}',
    )
    data = load(path, 8)
    assert shade(data) == [10, 30, 20] and data.records == [{"sharp": 1}, {}, {"sharp": 2}] and data.broken == []
    assert data.pixels.dtype == torch.uint8 and data.pixels.shape == (3, 3, 8, 8)


def test_a_folder_of_tars_and_a_pattern(tmp_path: Path) -> None:
    tar(tmp_path / "train-0.tar", a__png=encoded(1))
    tar(tmp_path / "train-1.tar", b__png=encoded(2))
    tar(tmp_path / "test.tar", c__png=encoded(3))
    assert shade(load(tmp_path, 8)) == [3, 1, 2]
    assert shade(load(tmp_path, 8, pattern="train-*.tar")) == [1, 2]


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, data in {"a.png": encoded(1), "in/b.PNG": encoded(2), "c.txt": b"no picture"}.items():
        (tmp_path / name).write_bytes(data)
    data = load(tmp_path, 8)
    assert shade(data) == [1, 2] and data.records == [{}, {}] and data.broken == []


def test_other_sizes_and_modes_are_cropped_to_the_middle(tmp_path: Path) -> None:
    wide = Image.new("RGB", (30, 10), (200, 0, 0))
    wide.paste((100, 0, 0), (10, 0, 20, 10))
    wide.save(tmp_path / "wide.png")
    for mode in ("L", "P", "CMYK", "1"):
        (tmp_path / f"{mode}.tif").write_bytes(encoded(90, (5, 7), "TIFF", mode))
    data = load(tmp_path, 8)
    assert len(data) == 5 and data.broken == []
    assert shade(data)[-1] == pytest.approx(100, abs=2)


def test_orientation_is_honoured(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8))
    picture.paste((255, 255, 255), (0, 0, 8, 4))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.save(tmp_path / "a.png", exif=exif)
    rows = load(tmp_path, 8).pixels[0, 0].float().mean(1)
    assert rows[0] == 0 and rows[-1] == 255


@pytest.mark.parametrize("kind", ["tar", "folder"])
def test_broken_pictures_are_counted(tmp_path: Path, kind: str) -> None:
    good = encoded(7, (64, 64))
    noisy = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)).save(noisy, "PNG")
    members = {
        "a__png": good,
        "b__png": noisy.getvalue()[:3000],
        "c__jpg": b"",
        "d__jpg": b"GIF89a nonsense",
        "e__png": good[:20] + b"\0" * 40,
        "f__png": good.replace(b"IDAT", b"IDAX"),
        "g__png": good,
    }
    if kind == "tar":
        source = tar(tmp_path / "a.tar", **members, g__json=b"{not json")
    else:
        source = tmp_path
        for name, data in members.items():
            (source / name.replace("__", ".")).write_bytes(data)
    data = load(source, 16)
    assert shade(data) == [7, 7] and data.records == [{}, {}]
    assert len(data.broken) == 5 and all(any(f"{letter}" in name for letter in "bcdef") for name in data.broken)


def test_a_tar_that_is_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", **{f"{i}__png": encoded(i, (64, 64)) for i in range(5)})
    path.write_bytes(path.read_bytes()[:2700])
    data = load(path, 8)
    assert shade(data) and len(data.broken) == 1 and "cut off" in data.broken[0]


@pytest.mark.parametrize("what", ["nothing", "empty", "no tar", "only broken"])
def test_nothing_readable_is_an_input_error(tmp_path: Path, what: str) -> None:
    source = tmp_path / "missing"
    if what == "empty":
        source.mkdir()
    elif what == "no tar":
        source.write_bytes(b"plain text" * 100)
    elif what == "only broken":
        source = tar(tmp_path / "a.tar", a__png=b"x")
    with pytest.raises(InputError) as refusal:
        load(source, 8)
    assert str(source) in str(refusal.value) and "\n" not in str(refusal.value)


def test_batches_are_floats_from_minus_1_to_1() -> None:
    pixels = torch.stack([torch.full((3, 4, 4), level, dtype=torch.uint8) for level in (0, 255, 51)])
    batch = Pictures(pixels, [{}] * 3).batch(np.array([2, 0, 1, 0]))
    torch.testing.assert_close(batch[:, 0, 0, 0], torch.tensor([-0.6, -1.0, 1.0, -1.0]))


def test_a_picture_never_changes_sides() -> None:
    pixels = torch.randint(0, 256, (400, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    records = [{"name": i} for i in range(400)]
    train, held = Pictures(pixels, records).split(0.1)
    assert len(train) + len(held) == 400 and 15 < len(held) < 70
    fewer = Pictures(pixels[::2], records[::2]).split(0.1)[1]
    assert {r["name"] for r in fewer.records} == {r["name"] for r in held.records if r["name"] % 2 == 0}
    assert json.dumps(held.records) == json.dumps(Pictures(pixels, records).split(0.1)[1].records)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_neither_side_is_empty(n: int, share: float) -> None:
    train, held = Pictures(torch.arange(n * 48, dtype=torch.uint8).view(n, 3, 4, 4), [{}] * n).split(share)
    assert len(train) and len(held)


def test_squares_are_cut_at_random_places_in_training_and_from_the_middle_otherwise(tmp_path: Path) -> None:
    across = np.tile(np.arange(12, dtype=np.uint8)[None, :, None], (12, 1, 3))
    Image.fromarray(across).save(tmp_path / "a.png")
    data = load(tmp_path, 8, stored=12)
    assert data.size == 8 and data.pixels.shape[-1] == 12
    middle = data.batch(np.zeros(3, int))
    assert middle.shape == (3, 3, 8, 8) and ((middle[:, 0, 0] + 1) * 127.5).round().int().tolist() == [list(range(2, 10))] * 3
    random = ((data.batch(np.zeros(50, int), np.random.default_rng(0)) + 1) * 127.5).round().int()
    assert set(random[:, 0, 0, 0].tolist()) == {0, 1, 2, 3, 4}
    assert load(tmp_path, 8, stored=8).cut == 0 and data.split()[0].size == 8
    with pytest.raises(InputError, match="cannot be cut"):
        load(tmp_path, 16, stored=12)


@pytest.mark.parametrize("limit", [0, 1000, 10**9])
def test_what_does_not_fit_into_memory_lies_in_a_file(limit: int) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 8)).astype(np.uint8)
    shelf = Shelf((3, 8, 8), limit)
    for row in rows:
        shelf.append(row)
    found = shelf.tensor()
    assert found.dtype == torch.uint8 and (found.numpy() == rows).all()
    assert torch.equal(found[torch.tensor([3, 1])], torch.from_numpy(rows[[3, 1]]))
    assert (shelf._file is not None) == (limit < rows.size)
