"""A bar with the remaining time, on a terminal only; rich is loaded when it is drawn."""

from __future__ import annotations

import sys
from typing import Any

from restauro.core.events import Event


class Bar:
    """One bar for `total` inputs. Call it with the events of the input that `begin` named last."""

    def __init__(self, total: int, *, show: bool = True):
        self._total, self._show = total, show and sys.stderr.isatty()
        self._done, self._share, self._name = -1, 0.0, ""
        self._bar: Any = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, name: str) -> None:
        self._done, self._share, self._name = self._done + 1, 0.0, name
        if self._bar is not None:
            self._update(name)

    def call(self, name: str) -> None:
        """New words for the input at hand."""
        self._name = name

    def __call__(self, event: Event) -> None:
        if self._show:
            if event.total:
                self._share = max(self._share, min(event.done / event.total, 1.0))
            self._update(self._name if event.total else f"{self._name}: {event.what}")

    def _update(self, words: str) -> None:
        if self._bar is None:
            try:
                self._bar = _draw(self._total)
            except ImportError:  # on a borrowed machine there may be no rich (docs/training.md)
                self._show = False
                return
        self._bar.update(self._bar.task_ids[0], completed=max(self._done, 0) + self._share, description=words)


def _draw(total: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # a redirected stdout must stay what it is: rich would send it to stderr
    bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())
    bar.add_task("", total=total)
    bar.start()
    return bar
