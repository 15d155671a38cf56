"""Tables of results: aligned plain text, Markdown and JSON from one value."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from restauro.core.files import write_atomically
from restauro.evaluation.statistics import Interval

Cell = float | int | str | Interval | None
_ARROWS = {"up": " ↑", "down": " ↓", "": ""}


class Column(NamedTuple):
    """A measure: its title, which way is better ("" where neither is), and digits after the point."""

    title: str
    better: Literal["up", "down", ""] = ""
    digits: int = 2


class Table(NamedTuple):
    """rows: (name, one cell a column). A cell is a number, an `Interval`, a word, or None where it was not measured."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    notes: str = ""

    def text(self) -> str:
        """Columns aligned, numbers to the right; the best of each column carries a star."""
        grid = self._grid(lambda cell, best: cell + ("*" if best else " "))
        widths = [max(len(row[i]) for row in grid) for i in range(len(self.columns) + 1)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]) for row in grid
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * len(self.columns)))
        return "\n".join([self.title, "", *(line.rstrip() for line in lines), *(["", self.notes] if self.notes else [])]) + "\n"

    def markdown(self) -> str:
        """The same for a README; the best of each column is bold."""
        grid = [
            [cell.replace("|", "\\|") for cell in row] for row in self._grid(lambda cell, best: f"**{cell}**" if best else cell)
        ]
        widths = [max(3, *(len(row[i]) for row in grid)) for i in range(len(self.columns) + 1)]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        body = [[row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))] for row in grid]
        lines = [f"| {' | '.join(row)} |" for row in [body[0], rule, *body[1:]]]
        return "\n".join([f"**{self.title}**", "", *lines, *(["", self.notes] if self.notes else [])]) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: an interval is {"mean", "low", "high", "n"}; what is not finite is null."""
        rows = {name: {c.title: _plain(cell) for c, cell in zip(self.columns, cells, strict=True)} for name, cells in self.rows}
        columns = [column._asdict() for column in self.columns]
        return {"title": self.title, "columns": columns, "rows": rows, "notes": self.notes}

    def save(self, path: str | Path) -> Path:
        """Written by its ending: .json, .md, or text."""
        ending = Path(path).suffix.lower()
        content = json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n" if ending == ".json" else ""
        return write_atomically(path, (content or (self.markdown() if ending == ".md" else self.text())).encode())

    def _grid(self, mark: Any) -> list[list[str]]:
        best = [_best(column, [cells[i] for _, cells in self.rows]) for i, column in enumerate(self.columns)]
        head = ["", *(mark(column.title + _ARROWS[column.better], False) for column in self.columns)]
        rows = []
        for name, cells in self.rows:
            shown = [show(cell, column.digits) for cell, column in zip(cells, self.columns, strict=True)]
            rows.append([name, *(mark(text, text == top) for text, top in zip(shown, best, strict=True))])
        return [head, *rows]


def show(cell: Cell, digits: int) -> str:
    """One cell: `27.31`, `27.31 [26.9, 27.7]`, a word, or a dash."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Interval):
        return f"{show(cell.mean, digits)} [{show(cell.low, digits)}, {show(cell.high, digits)}]"
    if not math.isfinite(cell):
        return "-" if math.isnan(cell) else "inf" if cell > 0 else "-inf"
    text = f"{cell:.{digits}f}"
    return text[1:] if text.startswith("-") and not float(text) else text  # no "-0.00"


def _best(column: Column, cells: list[Cell]) -> str | None:
    """How the best cell is shown; all that are shown with the same mean are equally good."""
    numbers = [(_value(cell), show(cell, column.digits)) for cell in cells if _value(cell) is not None]
    if not column.better or len(numbers) < 2:
        return None
    return (max if column.better == "up" else min)(numbers)[1]


def _value(cell: Cell) -> float | None:
    number = cell.mean if isinstance(cell, Interval) else cell
    return None if number is None or isinstance(number, str) or math.isnan(number) else float(number)


def _plain(cell: Cell) -> Any:
    if isinstance(cell, Interval):
        return cell._asdict()
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
