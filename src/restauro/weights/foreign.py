"""Networks of others: what the package spandrel knows (the extra `spandrel`, some fifty one-pass architectures)."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.weights.passports import Passport

ARCHITECTURE = "spandrel"
"""Of the passports of such networks: built by spandrel from the tensors themselves."""
ABSENT = "the package spandrel knows more networks: pip install 'restauro[spandrel]'"
MISSING = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""Operators that torchvision asks for when it is imported; its CUDA build has none of them beside a CPU build of torch."""

_declared: list[torch.library.Library] = []  # what is declared is forgotten with the object


class Foreign(nn.Module):
    """(N, 3, H, W) in [0, 1] to (N, 3, scale H, scale W) in [0, 1], whatever sizes and ranges the network itself wants.

    A picture smaller than the network's least side (512 for GFPGAN) is enlarged for it, and its answer reduced again.
    """

    multiple = 1

    def __init__(self, descriptor: Any):
        super().__init__()
        self.network, self.descriptor = descriptor.model, descriptor
        self.scale, self.least = int(descriptor.scale), int(descriptor.size_requirements.minimum)

    def forward(self, picture: Tensor) -> Tensor:
        """Pictures go in one by one, as spandrel asks; some networks draw noise of their own: always the same."""
        with torch.random.fork_rng([picture.device] if picture.is_cuda else []):
            answers = []
            for one in picture.split(1):
                torch.manual_seed(0)
                answers.append(self._answer(one))
        return torch.cat(answers)

    def _answer(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[-2:]
        small = min(height, width) < self.least
        if small:
            factor = self.least / min(height, width)
            picture = _resized(picture, round(height * factor), round(width * factor))
        answer: Tensor = self.descriptor(picture.clamp(0, 1)).clone()  # spandrel's own could never meet autograd
        return _resized(answer, height * self.scale, width * self.scale) if small else answer


def _resized(picture: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(picture, (height, width), mode="bicubic", antialias=True, align_corners=False)


def foreign_passport(tensors: Mapping[str, Tensor]) -> Passport | None:
    """What spandrel says of a state dict; None where it knows none. `WeightsError` without it, or where we have no use."""
    descriptor = _descriptor(tensors)
    if descriptor is None:
        return None
    name, scale = descriptor.architecture.name, descriptor.scale
    extra = type(descriptor.architecture).__module__.startswith("spandrel_extra_arches")
    channels = {descriptor.input_channels, descriptor.output_channels}
    if descriptor.purpose == "Inpainting" or channels != {3}:
        what = "fills masks" if descriptor.purpose == "Inpainting" else f"works on {max(channels)} channels"
        raise WeightsError(f"this is {name}, which {what}; of foreign networks only those from a colour picture to one are used")
    faces = descriptor.purpose == "FaceSR"
    return Passport(
        name=f"{descriptor.architecture.id.lower()}-x{scale}",
        what=f"{name}: a one-pass network that {f'enlarges {scale} times' if scale > 1 else 'keeps the size'}, run by spandrel",
        kind="upscaler" if scale > 1 else "restorer",
        architecture=ARCHITECTURE,
        arguments={"id": str(descriptor.architecture.id), "scale": scale},
        prediction="clean",
        range=(0.0, 1.0),
        size=int(descriptor.size_requirements.minimum) if faces else 0,
        face_template="ffhq512" if faces else "",
        licence="the terms of these weights are those of whoever published them"
        + (f"; {name} is among the architectures with non-commercial or copyleft licences" if extra else ""),
    )


def foreign_network(tensors: Mapping[str, Tensor], device: torch.device) -> Foreign:
    """The network of an imported file, in float32, eval mode, without gradients for its parameters."""
    descriptor = _descriptor({key: value.float() if value.is_floating_point() else value for key, value in tensors.items()})
    if descriptor is None:
        raise WeightsError("the installed spandrel does not know these weights any more; import them again")
    network = Foreign(descriptor.to(device))
    return network.eval().requires_grad_(False)


def _descriptor(tensors: Mapping[str, Tensor]) -> Any:
    """spandrel's description of a state dict with the network in it, or None. It may take keys out: it gets a copy."""
    spandrel = library()
    try:
        return spandrel.ModelLoader().load_from_state_dict(spandrel.canonicalize_state_dict(dict(tensors)))
    except spandrel.UnsupportedModelError:
        return None
    except Exception as error:  # its architectures assert, index and load as they like
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(f"spandrel cannot build a network from these weights: {reason}") from None


@cache
def library() -> ModuleType:
    """spandrel with all architectures that are installed; `WeightsError` in one line if it is not."""
    if importlib.util.find_spec("spandrel") is None:
        raise WeightsError(ABSENT)
    try:
        _check_torchvision()
        spandrel = importlib.import_module("spandrel")
        if importlib.util.find_spec("spandrel_extra_arches"):
            importlib.import_module("spandrel_extra_arches").install(ignore_duplicates=True)
    except Exception as error:
        raise WeightsError(f"spandrel is installed, but cannot be imported: {str(error).splitlines()[0]}") from None
    return spandrel


def _check_torchvision() -> None:
    """Where torchvision's own operators cannot be loaded, they are declared, never to be called: nothing of ours does."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declared.append(torch.library.Library("torchvision", "DEF"))
        for signature in MISSING:
            _declared[0].define(signature)
