"""Where a network computes: device, dtype, layout, compiled or not. Objectives need not know.

An objective makes its pictures and its loss on the CPU; a network that is elsewhere fetches what it is given and brings
its answer back, and gradients take the same way.
"""

from __future__ import annotations

import os
import platform
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from restauro.core.device import choose_device, choose_dtype
from restauro.core.errors import RecipeError
from restauro.training.run import Run


def chosen(run: Run) -> tuple[torch.device, torch.dtype]:
    """The device and dtype of a run; under torchrun the GPU of this process."""
    device = choose_device(run.device)
    if str(device) == "cuda" and "LOCAL_RANK" in os.environ:
        here = int(os.environ["LOCAL_RANK"])
        if here >= torch.cuda.device_count():
            raise RecipeError(f"process {here} of torchrun has no GPU: there are {torch.cuda.device_count()}")
        device = torch.device("cuda", here)
    if run.dtype == "auto":
        return device, choose_dtype(device)
    return device, torch.bfloat16 if run.dtype == "bfloat16" else torch.float32


def in_words(device: torch.device, world: int) -> str:
    """For the passport."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    elif device.type == "cpu":
        threads = torch.get_num_threads()
        name = f"CPU, {platform.machine()}, {threads} thread{'s' * (threads > 1)}"
    else:
        name = device.type
    return name if world == 1 else f"{world} x {name}"


def place(network: nn.Module, device: torch.device, dtype: torch.dtype, *, compiled: bool = False) -> None:
    """Move the network, channels last, and let `network(...)` take and give tensors of any device.

    bfloat16: in autocast; weights and answers stay float32. Placed networks must not be copied.
    """
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    low = dtype == torch.bfloat16
    if device.type == "cpu" and not low and not compiled:
        return
    inner = torch.compile(network.forward) if compiled else network.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        home = next((one.device for one in (*args, *kwargs.values()) if isinstance(one, Tensor)), device)
        with torch.autocast(device.type, torch.bfloat16) if low else nullcontext():
            answer = inner(*_to(args, device), **_to(kwargs, device))
        return _to(answer, home, torch.float32)

    network.forward = forward


def _to(value: Any, device: torch.device, dtype: torch.dtype | None = None) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, dtype if value.is_floating_point() else None)
    if isinstance(value, dict):
        return {key: _to(one, device, dtype) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_to(one, device, dtype) for one in value)
    return value
