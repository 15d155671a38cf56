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


def part(listener: Listener, number: int, parts: int) -> Listener:
    """Who listens to one of several equal parts, counted from 0: tells the listener of the whole."""
    return lambda event: listener(Event(event.what, number * event.total + event.done, parts * event.total))
