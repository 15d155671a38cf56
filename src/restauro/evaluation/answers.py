"""What people answered on study pages: the share of made pictures called real, and who is ranked first, with intervals.

Answers of one person hang together: the bootstrap draws people, and of each of them answers (Davison and Hinkley 1997, section
3.8). pix2pix gives the first share, Bringing Old Photos Back to Life the other two.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from restauro.core.errors import InputError
from restauro.evaluation.statistics import Interval
from restauro.evaluation.tables import Column, Table

COLUMNS = ("study", "session", "part", "trial", "item", "method", "value", "answer", "shown_ms", "answer_ms")
PARTS = ("practice", "real-or-fake", "ranking")


class Answer(NamedTuple):
    """What counts of a line of the page's CSV. value: 1 where the made picture was called real, else 0; of a ranking the rank,
    from 1."""

    study: str
    session: str
    part: str
    method: str
    value: int


@dataclass(frozen=True)
class Results:
    """Per method, intervals over `people` sessions: `fooled`, the share of made pictures called real; `first` and `second`, the
    share ranked first and within the first two. repeated: files whose sessions had been read before, which do not count twice.
    """

    people: int
    fooled: dict[str, Interval] = field(default_factory=dict)
    first: dict[str, Interval] = field(default_factory=dict)
    second: dict[str, Interval] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """Percent; a dash where a method was not asked for."""
        rows = [
            (name, [_percent(one.get(name)) for one in (self.fooled, self.first, self.second)])
            for name in dict.fromkeys([*self.fooled, *self.first])
        ]
        titles = ("called real, %", "ranked first, %", "within the first two, %")
        return Table(f"{self.people} people", [Column(title, "up", 1) for title in titles], rows)


def read_answers(paths: Iterable[str | Path]) -> Results:
    """The results of the CSV files that study pages gave out, together.

    Raises InputError for a file that is none, for answers of different studies, and where no answer counts.
    """
    kept: list[Answer] = []
    repeated: list[str] = []
    sessions: set[str] = set()
    for path in map(Path, paths):
        answers = _read(path)
        fresh = [one for one in answers if one.session not in sessions]
        if answers and not fresh:
            repeated.append(str(path))
        kept += fresh
        sessions |= {one.session for one in fresh}
    if len(studies := {one.study for one in kept}) > 1:
        raise InputError(f"the answers are of {len(studies)} different studies ({', '.join(sorted(studies))}); read them apart")
    found = results(kept)
    if not found.fooled and not found.first:
        raise InputError("there are no answers but those of practice")
    return Results(found.people, found.fooled, found.first, found.second, repeated)


def results(answers: Sequence[Answer]) -> Results:
    """The shares, with 95 % intervals; practice does not count."""
    fooled = _by_person((one, one.value) for one in answers if one.part == "real-or-fake")
    first = _by_person((one, one.value == 1) for one in answers if one.part == "ranking")
    second = _by_person((one, one.value <= 2) for one in answers if one.part == "ranking")
    people = len({one.session for one in answers if one.part != "practice"})
    one, two, three = ({name: share(groups) for name, groups in part.items()} for part in (fooled, first, second))
    return Results(people, one, two, three)


def share(people: Sequence[Sequence[float]], *, level: float = 0.95, resamples: int = 4000, seed: int = 0) -> Interval:
    """The mean of all answers of all people, and its two-stage bootstrap interval; n: the number of answers."""
    rng = np.random.default_rng(seed)
    right, count = np.array([sum(one) for one in people], float), np.array([len(one) for one in people])
    drawn = rng.integers(len(people), size=(resamples, len(people)))
    # answers are 0 or 1: drawing n of them with replacement is drawing their sum from a binomial distribution
    sums = rng.binomial(count[drawn], (right / count)[drawn]).sum(1)
    low, high = np.quantile(sums / count[drawn].sum(1), ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(right.sum() / count.sum()), float(low), float(high), int(count.sum()))


def _by_person(found: Iterable[tuple[Answer, float]]) -> dict[str, list[list[float]]]:
    """Method -> the values of each session."""
    groups: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for answer, value in found:
        groups[answer.method][answer.session].append(float(value))
    return {name: list(people.values()) for name, people in sorted(groups.items())}


def _read(path: Path) -> list[Answer]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise InputError(f"{path}: is no file of answers; its first line should be {','.join(COLUMNS)}")
            return [_answer(row, path, number) for number, row in enumerate(reader, 2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'no CSV'}", "missing") from None


def _answer(row: dict[str, str], path: Path, line: int) -> Answer:
    try:
        value = int(row["value"])
    except (TypeError, ValueError):
        raise InputError(f"{path}, line {line}: value {row['value']!r} is no whole number") from None
    if row["part"] not in PARTS or value < (row["part"] == "ranking") or (row["part"] != "ranking" and value > 1):
        raise InputError(f"{path}, line {line}: part {row['part']!r} and value {value} do not fit")
    return Answer(row["study"], row["session"], row["part"], row["method"], value)


def _percent(one: Interval | None) -> Interval | None:
    return None if one is None else Interval(100 * one.mean, 100 * one.low, 100 * one.high, one.n)
