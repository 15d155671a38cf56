from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restauro.core.errors import WeightsError
from restauro.weights.loading import read_state_dict

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2, dtype=torch.float16), "count": torch.tensor(3)}


class Evil:
    """Unpickled carelessly, it creates a file."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def same(read: dict[str, torch.Tensor]) -> bool:
    return read.keys() == WEIGHTS.keys() and all(
        torch.equal(read[key], value) and read[key].dtype == value.dtype for key, value in WEIGHTS.items()
    )


def refused(path: Path, problem: str) -> None:
    with pytest.raises(WeightsError, match=problem) as caught:
        read_state_dict(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_safetensors_by_name_or_content(tmp_path: Path, name: str) -> None:
    save_file(WEIGHTS, tmp_path / name)
    assert same(read_state_dict(tmp_path / name))


def test_a_header_length_that_looks_like_something_else(tmp_path: Path) -> None:
    """0x213C, little-endian, is `<!`, as web pages begin."""
    path = tmp_path / "w.safetensors"
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(0x213C)
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert path.read_bytes().startswith(b"<!")
    assert read_state_dict(path)["a"] == 0


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: w,
        OrderedDict,
        lambda w: {"state_dict": w, "meta": {"epoch": 3}, "optimizer": {}},
        lambda w: {"params": {"wrong": torch.zeros(1)}, "params_ema": w},
        lambda w: {"model": {"state_dict": w}},
        lambda w: {f"module.{key}": value for key, value in w.items()},
        lambda w: {"state_dict": {f"module.{key}": torch.nn.Parameter(value, False) for key, value in w.items()}},
        lambda w: {**w, "epoch": 7},
    ],
)
def test_pickles_are_unwrapped(tmp_path: Path, wrap: Any, zipped: bool) -> None:
    torch.save(wrap(WEIGHTS), tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    assert same(read_state_dict(tmp_path / "w.pth"))


def test_module_is_stripped_only_from_all(tmp_path: Path) -> None:
    mixed = {"module.a": torch.zeros(1), "b": torch.zeros(1)}
    torch.save(mixed, tmp_path / "w.pth")
    assert read_state_dict(tmp_path / "w.pth").keys() == mixed.keys()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("how", ["zip", "legacy", "protocol 2", "protocol 4", "protocol 0"])
def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path: Path, how: str) -> None:
    path, target = tmp_path / "w.pth", tmp_path / "pwned"
    holder = {"state_dict": {"a": torch.zeros(1)}, "meta": Evil(target)}
    if how in ("zip", "legacy"):
        torch.save(holder, path, _use_new_zipfile_serialization=how == "zip")
    else:
        path.write_bytes(pickle.dumps(Evil(target), protocol=int(how[-1])))
    refused(path, "not a weights file" if how in ("protocol 0", "protocol 4") else r"refused: it asks to run \w+\.mkdir")
    assert not target.exists()
    pickle.loads(pickle.dumps(Evil(target)))  # it is real
    assert target.exists()


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_truncated_files(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    weights = {"a": torch.randn(64, 64), "b": torch.randn(100)}
    if kind == "safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: max(1, int(len(content) * share))])
    refused(path, "truncated|damaged|not a weights file|no PyTorch checkpoint")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><title>Quota exceeded</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"hello, I am a text", "not a weights file"),
        (os.urandom(3) * 400, "not a weights file|damaged|web page"),
    ],
)
def test_wrong_files(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    refused(tmp_path / "w.pth", problem)


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}',
        b'{"a":{"dtype":"F32","shape":[2]}}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,8]}}',
        b'{"a":[]}',
        b'["a"]',
        b"{" * 5000,
    ],
)
def test_damaged_safetensors_headers(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    refused(path, "damaged|not a safetensors file")


def test_a_header_of_absurd_length(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    refused(path, "not a safetensors file")


@pytest.mark.parametrize("content", [[torch.zeros(1)], {}, {"epoch": 3}, torch.zeros(3), 7, {3: torch.zeros(1)}])
def test_pickles_without_named_weights(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", "not named weights|holds no weights")


def test_archives_that_are_bombs_or_something_else(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**6))
    refused(path, "unpacks to")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.txt", "sun")
    refused(path, "no PyTorch checkpoint")


def test_claimed_sizes_are_believed_only_so_far(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(2**40)}, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", "claims more than")


def test_arrays_of_numpy(tmp_path: Path) -> None:
    arrays = {"model/conv_in/W": np.ones((3, 3, 3, 2), np.float32), "step": np.array(7)}
    np.savez(tmp_path / "w.npz", **arrays)  # type: ignore[arg-type]
    read = read_state_dict(tmp_path / "w.npz")
    assert read.keys() == arrays.keys() and read["model/conv_in/W"].shape == (3, 3, 3, 2)
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    refused(tmp_path / "objects.npz", "more than arrays of numbers")
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(2**20))
    refused(tmp_path / "bomb.npz", "it unpacks to")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "w.npz").read_bytes()[:200])
    refused(tmp_path / "cut.npz", "truncated or damaged")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    refused(tmp_path / "none.pth", "No such file")
    refused(tmp_path, "is a folder")
