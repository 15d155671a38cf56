"""Networks of the store as ONNX files, for programs without PyTorch (the extra `onnx`)."""

from __future__ import annotations

import copy
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from restauro.core.errors import WeightsError
from restauro.core.files import write_atomically
from restauro.weights.passports import Passport
from restauro.weights.store import find, load

ABSENT = "writing ONNX needs two packages: pip install 'restauro[onnx]'"


def export_onnx(name: str, path: str | Path) -> Passport:
    """Write a U-Net of the store as an ONNX file in float32: for any number of pictures of the passport's size.

    Its inputs are named as in `inputs`, its output "answer"; "restauro" in the file's metadata is the passport, which says what
    the answer means. Raises WeightsError without the packages, or for another architecture.
    """
    if not all(importlib.util.find_spec(package) for package in ("onnx", "onnxscript")):
        raise WeightsError(ABSENT)
    passport, _ = find(name)
    told = inputs(passport)
    network = copy.deepcopy(load(name)).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    batch = torch.export.Dim("batch")
    with _quiet():
        program = torch.onnx.export(
            network,
            kwargs=told,
            dynamo=True,
            input_names=list(told),
            output_names=["answer"],
            dynamic_shapes={key: {0: batch} for key in told},
        )
    assert program is not None
    program.model.metadata_props["restauro"] = msgspec.json.encode(passport).decode()
    write_atomically(path, program.model_proto.SerializeToString())
    return passport


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's progress and its remarks about other packages are not for the person who asked."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def inputs(passport: Passport) -> dict[str, Tensor]:
    """What a U-Net is given, for two pictures: x and, as far as it has them, timesteps, classes and conditions."""
    if passport.architecture != "unet":
        raise WeightsError(f"{passport.name}: ONNX export is for U-Nets, not for the architecture {passport.architecture!r}")
    if not passport.size:
        raise WeightsError(f"{passport.name}: the size of its pictures is not known; import the file again with --size PIXELS")
    own: dict[str, Any] = passport.arguments
    given = {"x": torch.zeros(2, int(own["in_channels"]), passport.size, passport.size)}
    if own.get("time_embedding", True):
        given["timesteps"] = torch.zeros(2)
    if own.get("num_classes"):
        given["classes"] = torch.zeros(2, dtype=torch.long)
    if own.get("conditions"):
        given["conditions"] = torch.zeros(2, int(own["conditions"]))
    return given
