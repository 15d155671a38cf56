"""Where weights are: shipped inside the package, and imported into the user's cache folder."""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from restauro.core.errors import OutputError, WeightsError
from restauro.core.files import write_atomically
from restauro.core.home import cache_dir
from restauro.core.knobs import suggest
from restauro.weights.passports import Passport, read_passport, write_passport

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from restauro.weights.lending import Desk

HALF_MAX = 65504.0

_loaded: dict[tuple[str, str, str], nn.Module] = {}
_lock = threading.Lock()
_desk: ContextVar[Desk | None] = ContextVar("desk", default=None)


def shipped_folder() -> Path:
    return Path(str(files("restauro.weights"))) / "data"


def imported_folder() -> Path:
    return cache_dir() / "weights"


def available() -> list[Passport]:
    """The passports of all weights at hand, by name. Reads JSON only; a damaged passport is warned about and left out."""
    found: dict[str, Passport] = {}
    for passport, path in _at_hand():
        if path.is_file():
            found.setdefault(passport.name, passport)
    return sorted(found.values(), key=lambda passport: passport.name)


def find(name: str) -> tuple[Passport, Path]:
    """The passport and the weights file of a name; `WeightsError` with the nearest known name if there is none."""
    known = []
    for passport, path in _at_hand():
        if passport.name == name:
            if not path.is_file():
                raise WeightsError(f"the passport of {name!r} is here, but its weights file {path} is missing")
            return passport, path
        known.append(passport.name)
    raise WeightsError(f"there are no weights named {name!r}{suggest(name, known)}; `restauro models list` shows all")


def _at_hand() -> Iterator[tuple[Passport, Path]]:
    for folder in (shipped_folder(), imported_folder()):
        for json in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            try:
                passport = read_passport(json)
            except WeightsError as error:
                warnings.warn(str(error), stacklevel=3)
                continue
            yield passport, json.parent / passport.file_name


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(name: str) -> Passport:
    """The passport, if the file still has the bytes it was made with; else a `WeightsError`."""
    passport, path = find(name)
    actual = sha256_of(path)
    if actual != passport.sha256:
        raise WeightsError(
            f"{path} is damaged or was changed: its SHA-256 begins with {actual[:12]}, its passport says "
            f"{passport.sha256[:12] or 'nothing'}; install or import it again"
        )
    return passport


def intact(name: str) -> bool:
    """Whether `verify` is content."""
    try:
        verify(name)
    except WeightsError:
        return False
    return True


def save(state_dict: Mapping[str, Tensor], passport: Passport, folder: Path, *, half: bool = True) -> Passport:
    """Write NAME.safetensors and NAME.json into a folder; the answer is the passport with its SHA-256.

    half: floating-point tensors are stored in float16, except those too large for it. The same tensors always give the
    same bytes, and so does saving what `load` returned.
    """
    import safetensors.torch

    tensors: dict[str, Tensor] = {}
    places = set()
    for key, value in state_dict.items():
        value = _stored(value, half)
        place = value.untyped_storage()
        if place.nbytes() != value.nbytes or place.data_ptr() in places:  # safetensors refuses tensors that share memory
            value = value.clone()
        places.add(value.untyped_storage().data_ptr())
        tensors[key] = value

    def write(file: BinaryIO) -> None:
        try:
            safetensors.torch.save_file(tensors, file.name)
        except safetensors.SafetensorError as error:  # a full disk, say
            raise OSError(str(error)) from None

    return keep(write, msgspec.structs.replace(passport, file=""), folder)


def keep(content: bytes | Callable[[BinaryIO], object], passport: Passport, folder: Path) -> Passport:
    """Write a weights file as it is, and its passport, which is the answer, with the file's SHA-256."""
    path = folder / passport.file_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from None
    write_atomically(path, content)
    passport = msgspec.structs.replace(passport, sha256=sha256_of(path))
    write_passport(passport, path.with_suffix(".json"))  # last: weights without a passport do not exist
    return passport


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu()
    if half and value.is_floating_point():
        value = value.float() if value.numel() and value.abs().max() > HALF_MAX else value.half()
    return value.contiguous()


def load(name: str, device: str | torch.device = "cpu") -> nn.Module:
    """The network of a name, in float32, eval mode, channels-last and without gradients; the same object every time.

    Its bytes are verified first. Raises `WeightsError`. Callers must not change it: others hold it too.
    """
    import torch

    from restauro.weights.build import network_from
    from restauro.weights.loading import read_state_dict

    device = torch.device(device)
    passport, path = find(name)
    key = (str(path), msgspec.json.encode(passport).decode(), str(device))

    def read() -> nn.Module:
        return network_from(passport, read_state_dict(path), path, device)

    desk = _desk.get()
    with _lock:
        if key not in (_loaded if desk is None else desk):
            verify(name)
        if desk is not None:
            return desk.lend(key, read)
        if key not in _loaded:
            _loaded[key] = read()
        return _loaded[key]


@contextmanager
def lending(desk: Desk) -> Iterator[None]:
    """While it is entered `load` keeps nothing and lends networks at a desk, where at most one lies; afterwards none does."""
    with _lock:
        _loaded.clear()
    token = _desk.set(desk)
    try:
        yield
    finally:
        _desk.reset(token)
        desk.clear()
