"""Foreign weights become ours: read safely, recognised, and stored with a passport in the user's cache folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from restauro.core.errors import WeightsError
from restauro.weights.passports import NAME, Passport
from restauro.weights.store import available, imported_folder, intact, keep, save, sha256_of

YUNET_SIZE = 4 * 2**20
YUNET_OUTPUTS = (b"cls_8", b"obj_16", b"bbox_32", b"kps_32")


def import_file(
    path: str | Path,
    name: str | None = None,
    *,
    declared: Mapping[str, Any] | None = None,
    tell: Callable[[str], None] = print,
) -> Passport:
    """Recognise a weights file and copy it into the store under `name` (default: what it is).

    Tensors keep their precision. declared: constructor arguments that shapes cannot tell, such as num_head_channels.
    `tell` gets the licence note. Importing the same file again changes nothing. Raises `WeightsError` if the file is
    damaged or of no known kind, or if the name is taken by other weights.
    """
    path = Path(path)
    onnx = path.suffix.lower() == ".onnx"
    passport = _import_detector(path, name) if onnx else _import_tensors(path, name, declared or {})
    if passport.licence:
        tell(f"{passport.name}: {passport.licence}")
    return passport


def _import_tensors(path: Path, name: str | None, declared: Mapping[str, Any]) -> Passport:
    import torch

    from restauro.weights.loading import read_state_dict
    from restauro.weights.recognise import Unrecognised, recognise

    state_dict = read_state_dict(path)
    try:
        passport, tensors = recognise(state_dict, declared)
    except Unrecognised as error:
        raise Unrecognised(f"{path}: {error}", error.nearest, error.found, error.missing) from None
    sick = [key for key, value in tensors.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if sick:
        raise WeightsError(f"{path}: {len(sick)} tensors hold values that are not finite ({sick[0]}): the file is damaged")
    passport = _signed(passport, path, name)
    return _already_here(passport) or save(tensors, passport, imported_folder(), half=False)


def _signed(passport: Passport, path: Path, name: str | None) -> Passport:
    """With the name that was asked for, and where it came from."""
    if name is not None and not re.fullmatch(NAME, name):
        raise WeightsError(f"{name!r} cannot be a name of weights: letters, digits, dots, dashes and underscores can")
    changes = {"name": name or passport.name, "source": sha256_of(path), "command": f"restauro models import {path.name}"}
    return msgspec.structs.replace(passport, **changes)


def _already_here(passport: Passport) -> Passport | None:
    """The passport in the store if it came from the same file and is intact; `WeightsError` if the name is taken."""
    taken = next((other for other in available() if other.name == passport.name), None)
    if taken is not None and taken.source != passport.source:
        raise WeightsError(f"the name {passport.name!r} is taken by other weights ({taken.what}); give this file another name")
    return taken if taken is not None and intact(taken.name) else None


def _import_detector(path: Path, name: str | None) -> Passport:
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
    passport = _signed(passport, path, name)
    return _already_here(passport) or keep(content, passport, imported_folder())
