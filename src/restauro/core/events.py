"""What long work says while it runs. A command draws a bar from it, a notebook or a test just listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Event(NamedTuple):
    """`done` of `total` units of `what` are finished. `total` 0: not known."""

    what: str
    done: int
    total: int


Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """The listener of a caller who does not listen."""
