"""Foreign weights become ours: read safely, recognised, and stored with a passport in the user's cache folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from restauro.core.errors import WeightsError
from restauro.weights.declared import NOTHING, Declared
from restauro.weights.folders import opened
from restauro.weights.passports import NAME, Passport
from restauro.weights.store import available, find, imported_folder, intact, keep, save, sha256_of

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = {".pth", ".pt", ".ckpt", ".safetensors", ".bin", ".npz", ".onnx"}
"""What the names of weights files end in: such a word is not taken for a name."""
YUNET_SIZE = 4 * 2**20
YUNET_OUTPUTS = (b"cls_8", b"obj_16", b"bbox_32", b"kps_32")


def import_file(
    path: str | Path,
    name: str | None = None,
    *,
    declared: Declared = NOTHING,
    tell: Callable[[str], None] = print,
) -> Passport:
    """Recognise a weights file, or a folder as diffusers saves it, and copy it into the store under `name` (default: what it is).

    Tensors keep their precision. declared: what names and shapes do not tell. `tell` gets the licence note. Importing the
    same file again changes nothing, unless something else is declared. Raises `WeightsError` if the file is damaged or of
    no known kind, or if the name is taken by other weights. Of a file that holds several networks the answer is the first.
    """
    return import_all(path, name, declared=declared, tell=tell)[0]


def import_all(
    path: str | Path,
    name: str | None = None,
    *,
    declared: Declared = NOTHING,
    tell: Callable[[str], None] = print,
) -> list[Passport]:
    """As `import_file`; the passports of all networks in the file. Where these are several, `name` gets a word for each."""
    path = Path(path)
    onnx = path.suffix.lower() == ".onnx"
    passports = [_import_detector(path, name, declared)] if onnx else _import_tensors(path, name, declared)
    for passport in passports:
        if passport.licence:
            tell(f"{passport.name}: {passport.licence}")
    return passports


def named(word: str) -> str:
    """The name of weights: the word itself or, where it is a file, the name under which that is imported, once.

    `WeightsError` also for a file that holds several networks: it is imported, and they have names of their own.
    """
    path = Path(word)
    known = available()
    folder = (path / "model_index.json").is_file() or (path / "config.json").is_file()
    if any(passport.name == word for passport in known) or not (path.is_file() or folder or path.suffix in ENDINGS):
        return word
    found = []
    if path.is_file() or folder:
        sources = [sha256_of(network.file) for network in opened(path)]
        found = [passport for passport in known if passport.source in sources and intact(passport.name)]
    if not found:
        stem = path.stem
        if re.match(r"(latest|\d+|iter_\d+)_net_", stem):  # pix2pix's and Old Photos' files: the folder says which
            stem = f"{path.absolute().parent.name}-{stem}"
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:100] or None
        found = import_all(path, name, tell=lambda _: None)
    if len({passport.kind for passport in found}) > 1:
        raise WeightsError(f"{path} holds several networks: name one of {', '.join(passport.name for passport in found)}")
    return found[0].name


def _import_tensors(path: Path, name: str | None, declared: Declared) -> list[Passport]:
    from restauro.weights.loading import read_state_dict
    from restauro.weights.recognise import beginnings

    files = opened(path)
    begins = {word: begin for begin, word in beginnings().items()} | {"": ""}
    state_dict = {
        f"{begins[one.word]}{key}": value for one in files for key, value in read_state_dict(one.file).items()
    }  # several files are as one that holds several networks
    networks = _whose(path, state_dict, declared, {one.word: one.said for one in files})
    for _, tensors in networks.values():
        sick = [key for key, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
        if sick:
            raise WeightsError(f"{path}: {len(sick)} tensors hold values that are not finite ({sick[0]}): the file is damaged")
    places = {one.word: one.file for one in files}
    signed = {
        word: _signed(passport, places.get(word, files[0].file), f"{name}-{word}" if name and word else name)
        for word, (passport, _) in networks.items()
    }
    here = {word: _already_here(passport, networks[word][1]) for word, passport in signed.items()}  # before anything is written
    return [here[word] or save(networks[word][1], signed[word], imported_folder(), half=False) for word in networks]


def _whose(
    path: Path, state_dict: Mapping[str, Tensor], declared: Declared, said: Mapping[str, Any]
) -> Mapping[str, tuple[Passport, Mapping[str, Tensor]]]:
    """One of our own architectures or several or, failing that, one that spandrel knows."""
    from restauro.weights.foreign import foreign_passport
    from restauro.weights.recognise import Unrecognised, recognise_all

    try:
        return recognise_all(state_dict, declared, said, f"{path.absolute().parent.name}/{path.name}")
    except Unrecognised as error:
        own = error
    except WeightsError as error:
        hint = "; the file does not tell: say --head-channels or --heads" if "heads of" in str(error) else ""
        raise WeightsError(f"{path}: {error}{hint}") from None
    try:
        passport, more = foreign_passport(state_dict), "spandrel does not know them either"
    except WeightsError as error:
        passport, more = None, str(error)
    if passport is None:
        raise Unrecognised(f"{path}: {own} ({more})", own.nearest, own.found, own.missing)
    return {"": (declared.apply(passport), state_dict)}


def _signed(passport: Passport, path: Path, name: str | None) -> Passport:
    """With the name that was asked for, and where it came from."""
    if name is not None and not re.fullmatch(NAME, name):
        raise WeightsError(f"{name!r} cannot be a name of weights: letters, digits, dots, dashes and underscores can")
    changes = {"name": name or passport.name, "source": sha256_of(path), "command": f"restauro models import {path.name}"}
    return msgspec.structs.replace(passport, **changes)


def _already_here(passport: Passport, tensors: Mapping[str, Tensor] | None = None) -> Passport | None:
    """The same passport in the store if its weights are intact; `WeightsError` if the name is taken.

    tensors: of which the same may have come from another file, as what several releases of DiffBIR stand on.
    """
    taken = next((other for other in available() if other.name == passport.name), None)
    if taken is not None and taken.source != passport.source and not (tensors and _holds(taken, tensors)):
        raise WeightsError(f"the name {passport.name!r} is taken by other weights ({taken.what}); give this file another name")
    if taken is None or not intact(taken.name):
        return None
    same = {"file": taken.file, "sha256": taken.sha256, "command": taken.command, "source": taken.source}
    return taken if msgspec.structs.replace(passport, **same) == taken else None


def _holds(known: Passport, tensors: Mapping[str, Tensor]) -> bool:
    """Whether these are the tensors of known weights, to the bit."""
    from restauro.weights.loading import read_state_dict

    if not intact(known.name):
        return False
    theirs = read_state_dict(find(known.name)[1])
    same_type = theirs.keys() == tensors.keys() and all(value.dtype == theirs[key].dtype for key, value in tensors.items())
    return same_type and all(value.equal(theirs[key]) for key, value in tensors.items())


def _import_detector(path: Path, name: str | None, declared: Declared) -> Passport:
    """YuNet in ONNX is copied as it is: OpenCV reads it, not we."""
    try:
        content = path.read_bytes() if path.stat().st_size <= YUNET_SIZE else b""
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from None
    if not content.startswith(b"\x08") or not all(output in content for output in YUNET_OUTPUTS):
        raise WeightsError(f"{path} is not the YuNet face detector, the one ONNX file restauro imports")
    ours = path.name.startswith("face_detection_yunet")
    passport = Passport(
        name="yunet",
        what="YuNet, a face detector of boxes and five points (run by OpenCV)",
        kind="detector",
        architecture="yunet-onnx",
        range=(0.0, 255.0),
        training_data="WIDER FACE",
        licence="MIT",
        file=path.name if ours else "face_detection_yunet.onnx",
    )
    passport = _signed(declared.apply(passport), path, name)
    return _already_here(passport) or keep(content, passport, imported_folder())
