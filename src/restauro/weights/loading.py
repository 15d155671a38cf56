"""Weights files are read safely: safetensors, or pickles that cannot run code. Every refusal is one line."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from restauro.core.errors import WeightsError

MAX_BYTES = 16 * 2**30
MAX_HEADER = 64 * 2**20
WRAPPERS = ("params_ema", "params", "state_dict", "model_state", "model")
NOT_WEIGHTS = {
    b"<!": "a web page, not weights: the download went wrong",
    b"<html": "a web page, not weights: the download went wrong",
    b"version https://git-lfs": "a Git LFS pointer, not the weights: run `git lfs pull` where it came from",
    b"GGUF": "a GGUF file, which holds language models",
    b"\x89PNG": "a picture, not weights",
    b"\xff\xd8\xff": "a picture, not weights",
    b"%PDF": "a document, not weights",
}

SAFETENSORS = (b'{"', b"{}")
"""How the header begins, behind its length of eight bytes."""


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a weights file, by name, on the CPU, in the type they are stored in.

    safetensors, a PyTorch pickle (read with `weights_only=True`) or NumPy's .npz without objects. Weights inside one of WRAPPERS
    are found; a `module.` that stands before every name is taken off. Raises `WeightsError`.
    """
    path = Path(path)
    start = _start_of(path)
    if path.suffix == ".safetensors" or _begins_as_safetensors(start):
        raw = _read_safetensors(path)
    else:
        raw = _read_npz(path) if path.suffix == ".npz" else _read_pickle(path, start)
    tensors = _unwrap(raw, path)
    if sum(value.numel() * value.element_size() for value in tensors.values()) > MAX_BYTES:
        raise WeightsError(f"{path} claims more than {MAX_BYTES >> 30} GiB of tensors")
    if all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    return tensors


def _start_of(path: Path) -> bytes:
    """The first bytes of a file that may be weights."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise WeightsError(f"{path} is a folder; name the weights file in it")
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from None
    if not size:
        raise WeightsError(f"{path} is empty (0 bytes)")
    if size > MAX_BYTES:
        raise WeightsError(f"{path} is larger than {MAX_BYTES >> 30} GiB")
    # the length that begins a safetensors file may spell any of these words by chance
    for magic, problem in ({} if start[8:10] in SAFETENSORS else NOT_WEIGHTS).items():
        if start.lstrip().startswith(magic) and not _begins_as_safetensors(start):
            raise WeightsError(f"{path} is {problem}")
    return start


def _begins_as_safetensors(start: bytes) -> bool:
    """Eight bytes of length, which may look like anything, and a JSON object."""
    return start[8:10] in (b'{"', b"{}")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or (length > size - 8 and length <= MAX_HEADER):
            raise WeightsError(f"{path} is truncated: it ends inside its header")
        if length > MAX_HEADER:
            raise WeightsError(f"{path} is not a safetensors file: its header would have {length} bytes")
        header = file.read(length)
    try:
        entries = {key: entry for key, entry in json.loads(header).items() if key != "__metadata__"}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise WeightsError(f"{path} is not a safetensors file: its header is damaged") from None
    if end > size - 8 - length:
        raise WeightsError(f"{path} is truncated: {size} bytes of {8 + length + end}")
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{path} is damaged: {_first_line(error)}") from None


def _read_npz(path: Path) -> dict[str, Tensor]:
    """How variables leave TensorFlow most easily: numpy.savez(file, **arrays)."""
    _check_archive(path, "")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except Exception as error:  # objects, damage, types that torch has not
        raise WeightsError(f"{path} is damaged or holds more than arrays of numbers: {_first_line(error)}") from None


def _read_pickle(path: Path, start: bytes) -> Any:
    if start.startswith(b"PK"):
        _check_archive(path, "/data.pkl")
    elif not start.startswith(b"\x80"):  # PROTO: pickles of protocol 2 and later, which torch.save writes
        raise WeightsError(f"{path} is not a weights file: neither safetensors nor a PyTorch checkpoint")
    try:
        # mapped: only what is looked at comes into memory
        return torch.load(path, map_location="cpu", weights_only=True, mmap=start.startswith(b"PK"))
    except pickle.UnpicklingError as error:
        if asked := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise WeightsError(f"{path} is refused: it asks to run {asked[1]}, and weights need to run nothing") from None
        # torch's own first line advises to read the file unsafely
        detail = re.search(r"WeightsUnpickler error: (.{1,120})", str(error))
        raise WeightsError(f"{path} is damaged or not a weights file{f': {detail[1]}' if detail else ''}") from None
    except EOFError:
        raise WeightsError(f"{path} is truncated") from None
    except Exception as error:  # a damaged pickle may fail anywhere: in the archive, in a tensor's shape, in a name
        raise WeightsError(f"{path} is damaged or not a weights file: {_first_line(error)}") from None


def _check_archive(path: Path, holds: str) -> None:
    """Its directory stands at the end, so a truncated archive has none; an archive that unpacks to more is a bomb.

    holds: what the name of one of its files ends in.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise WeightsError(f"{path} is truncated or damaged: the archive has no directory") from None
    if unpacked > MAX_BYTES or unpacked > 2 * path.stat().st_size:
        raise WeightsError(f"{path} is refused: it unpacks to {unpacked} bytes, and weights are not compressed")
    if not any(name.endswith(holds) for name in names):
        raise WeightsError(f"{path} is an archive, but no PyTorch checkpoint")


def _unwrap(raw: Any, path: Path) -> dict[str, Tensor]:
    for _ in range(3):
        inner = (
            next((raw[key] for key in WRAPPERS if isinstance(raw.get(key), Mapping)), None) if isinstance(raw, Mapping) else None
        )
        if inner is None:
            break
        raw = inner
    if not isinstance(raw, Mapping):
        raise WeightsError(f"{path} holds a {type(raw).__name__}, not named weights")
    tensors = {key: value.detach() for key, value in raw.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if not tensors:
        held = ", ".join(str(key) for key in list(raw)[:5]) or "nothing"
        raise WeightsError(f"{path} holds no weights; it holds: {held}")
    return tensors


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
