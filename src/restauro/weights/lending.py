"""Little memory: networks are lent one at a time, read when they are called and forgotten when another one is."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress

import torch
from torch import Tensor, nn


class Desk:
    """Where at most one network lies with its weights.

    Whoever was lent a network may keep it and call it at any time: before its first layer needs them, its weights are read
    again, to the device where they were. What a graph of autograd still asks for stays until the graph goes.
    """

    def __init__(self) -> None:
        self._networks: dict[Hashable, nn.Module] = {}
        self._there: nn.Module | None = None
        self._lock = threading.RLock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._networks

    def lend(self, key: Hashable, read: Callable[[], nn.Module]) -> nn.Module:
        """The network of a key, the same object every time; read: gives it with its weights, and can be called again."""
        with self._lock:
            if key not in self._networks:
                self.clear()
                self._networks[key] = self._there = network = read()
                for layer in network.modules():
                    layer.register_forward_pre_hook(lambda *_: self._fetch(network, read))
            return self._networks[key]

    def _fetch(self, network: nn.Module, read: Callable[[], nn.Module]) -> None:
        with self._lock:
            if self._there is not network:
                self.clear()
                fresh = dict(read().named_parameters(remove_duplicate=False))
                _replace(network, lambda name, _: fresh[name])
                self._there = network

    def clear(self) -> None:
        """No network has its weights."""
        with self._lock:
            if self._there is not None:
                _replace(self._there, lambda _, value: _hollow(value))
                self._there = None
                _give_back()


def _give_back() -> None:
    """What was freed goes to the system: the C library would keep it, in pieces too small for the next network."""
    with suppress(OSError, AttributeError, TypeError):  # glibc has a word for it, others need none
        ctypes.CDLL(None).malloc_trim(0)


def _hollow(value: Tensor) -> Tensor:
    """As large and where it was to all who ask, without the memory; whoever computes with it gets no number."""
    return value.new_full((), torch.nan).expand(value.shape)


def _replace(network: nn.Module, by: Callable[[str, Tensor], Tensor]) -> None:
    """Its parameters; what else it keeps (buffers, settings) is small and stays."""
    for prefix, layer in network.named_modules():
        for name, value in layer._parameters.items():
            if value is not None:
                new = by(f"{prefix}.{name}" if prefix else name, value)
                layer._parameters[name] = nn.Parameter(new, requires_grad=False)
