"""Device and dtype, chosen once: by what is there, and by measurement where it matters."""

from __future__ import annotations

import json
import os
import platform
import time
from functools import cache
from pathlib import Path
from typing import Any

import torch

from restauro.core.errors import RecipeError
from restauro.core.home import cache_dir
from restauro.core.memory import free_main_memory


def choose_device(wish: str = "auto") -> torch.device:
    """auto | cpu | cuda[:N] | mps | xpu. An explicit wish that cannot be met is a `RecipeError`."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    there["xpu"] = hasattr(torch, "xpu") and torch.xpu.is_available()
    if wish == "auto":
        return torch.device(next(kind for kind in ("cuda", "xpu", "mps", "cpu") if there[kind]))
    kind, _, number = wish.partition(":")
    count = {"cuda": torch.cuda.device_count, "xpu": torch.xpu.device_count}.get(kind, lambda: 1)
    if not there.get(kind, False) or (number and not (number.isdecimal() and int(number) < count())):
        here = ", ".join(name for name, available in there.items() if available)
        raise RecipeError(f"device {wish!r} is not available here; this machine has: {here}")
    return torch.device(wish)


def free_memory(device: torch.device) -> float:
    """Bytes that are free on a device; infinite where that is not known."""
    if device.type == "cpu":
        return free_main_memory()
    try:
        return float(torch.accelerator.get_memory_info(device)[0])
    except (AttributeError, RuntimeError):  # torch before 2.9, and devices that do not tell
        return float("inf")


@cache
def choose_dtype(device: torch.device) -> torch.dtype:
    """float32, or bfloat16 where a 3x3 convolution is at least 1.5 times as fast in it. Measured once per machine."""
    if wish := os.environ.get("RESTAURO_DTYPE"):
        if wish not in ("float32", "bfloat16"):
            raise RecipeError(f"RESTAURO_DTYPE={wish!r}: expected float32 or bfloat16")
        return torch.float32 if wish == "float32" else torch.bfloat16
    if device.type == "mps":
        return torch.float32
    key = f"{_name(device)} torch {torch.__version__} threads {torch.get_num_threads()}"
    store = cache_dir() / "dtype.json"
    known = _read(store)
    if key not in known:
        known[key] = bool(_seconds(device, torch.bfloat16) * 1.5 < _seconds(device, torch.float32))
        _write(store, known)
    return torch.bfloat16 if known[key] else torch.float32


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _seconds(device: torch.device, dtype: torch.dtype) -> float:
    convolution = torch.nn.Conv2d(64, 64, 3, padding=1, device=device, dtype=dtype)
    convolution = convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    x = torch.zeros(1, 64, 64, 64, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    best = float("inf")
    with torch.no_grad():
        for _ in range(4):
            begin = time.perf_counter()
            convolution(x).float().sum().item()  # .item() waits for the device
            best = min(best, time.perf_counter() - begin)
    return best


def _read(store: Path) -> dict[str, Any]:
    try:
        known = json.loads(store.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(store: Path, known: dict[str, Any]) -> None:
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        part = store.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(known))
        part.replace(store)
    except OSError:  # a read-only home: measure again next time
        pass
