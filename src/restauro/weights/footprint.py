"""What a network takes, before any weight is read: its layers are gone through on torch's meta device, which has no numbers."""

from __future__ import annotations

import weakref
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def parameters(network: nn.Module) -> int:
    """Bytes of its weights, in float32."""
    return 4 * sum(one.numel() for one in network.parameters())


class Ledger(TorchDispatchMode):
    """While it is entered it counts the bytes of meta tensors: `now`, and at most.

    known: what is not counted. least: what is larger lies in files (restorers/strips.py) and is not counted either; 0: all is.
    """

    def __init__(self, known: nn.Module, files_above: int = 0):
        super().__init__()
        self.now, self.most, self.files_above = 0, 0, files_above
        self.seen = {one.untyped_storage()._cdata for one in (*known.parameters(), *known.buffers())}
        self.attention = _Attention()

    def __enter__(self) -> Ledger:
        self.attention.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.attention.__exit__(*error)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = function(*args, **(kwargs or {}))
        for one in tree_leaves(answer):
            if isinstance(one, Tensor):
                self._note(one.untyped_storage())
        return answer

    def _note(self, storage: torch.UntypedStorage) -> None:
        size, number = storage.nbytes(), storage._cdata
        if number in self.seen or (self.files_above and size > self.files_above):
            return
        self.seen.add(number)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._gone, number, size)

    def _gone(self, number: int, size: int) -> None:
        self.seen.discard(number)
        self.now -= size


class _Attention(TorchFunctionMode):
    """On the devices that count, attention never writes down who looks at whom."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is F.scaled_dot_product_attention:
            query, _, value = (*args, *(kwargs or {}).values())[:3]
            return query.new_empty(*query.shape[:-1], value.shape[-1]) + 0 * query[..., :1]
        return function(*args, **(kwargs or {}))
