"""Printing: aligned tables for people, one JSON document for programs."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec


def print_json(value: Any) -> None:
    """The only thing on stdout where --json was given."""
    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=_plain), indent=2).decode())


def print_table(rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest word; the last one is wrapped on a terminal."""
    rows = [tuple(row) for row in rows]
    if not rows:
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    left = sum(widths) + 2 * len(widths)
    room = max(30, shutil.get_terminal_size().columns - left) if sys.stdout.isatty() else 10_000
    for row in rows:
        first, *rest = textwrap.wrap(row[-1], room) or [""]
        print(("".join(f"{word:<{width}}  " for word, width in zip(row, widths, strict=False)) + first).rstrip())
        for line in rest:
            print(" " * left + line)


def note(text: str) -> None:
    """Something the user should know besides the result."""
    print(f"note: {text}", file=sys.stderr)


def size_in_words(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a NumPy number
        return value.item()
    raise NotImplementedError(type(value).__name__)
