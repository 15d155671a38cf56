"""--variants K: the files of several results of one photograph, and the two pictures that compare them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from restauro.cli._files import Job, check_free
from restauro.cli._save import save

if TYPE_CHECKING:
    from restauro.api import Result

MOST = 32


class Places(NamedTuple):
    """OUT-1 .. OUT-K, OUT-variants.png, OUT-spread.png."""

    results: list[Path]
    sheet: Path
    map: Path

    @classmethod
    def beside(cls, output: Path, count: int) -> Places:
        def named(tail: str) -> Path:
            return output.with_name(f"{output.stem}-{tail}")

        numbered = [named(f"{i + 1}{output.suffix}") for i in range(count)]
        return cls(numbered, named("variants.png"), named("spread.png"))

    def check(self, overwrite: bool) -> None:
        for place in (*self.results, self.sheet, self.map):
            check_free(place, overwrite)


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. spread: the mean standard deviation over the variants, of 255, where anything was changed."""

    files: tuple[str, ...]
    seeds: tuple[int, ...]
    sheet: str
    map: str
    spread: float


def write_variants(
    results: Iterator[Result], job: Job, count: int, args: argparse.Namespace
) -> tuple[Result, list[str], Compared | None]:
    """Write each result as it comes; the answer is the first of them, notices, and what was written.

    A photograph that is left as it is has no variants: it is copied once, to the output itself.
    """
    from restauro.api import spread_of
    from restauro.evaluation.sheets import save_sheet

    first = next(results)
    if not first.changed:
        check_free(job.output, bool(args.overwrite))
        return first, save(first, job, args), None
    places, spread, notices, seeds = Places.beside(job.output, count), spread_of(first), [], []
    for place, result in zip(places.results, _all(first, results), strict=True):
        notices += save(result, Job(job.source, place), args)
        spread.add(result.pixels)
        seeds.append(result.recipe.seed)
    save_sheet(spread.sheet([f"{i + 1}" for i in range(count)], job.source.name), places.sheet)
    save_sheet(spread.map(), places.map)
    if spread.mean == 0:
        notices.append("the variants are all alike: at this fidelity nothing is left to chance")
    return (
        first,
        list(dict.fromkeys(notices)),
        Compared(
            files=tuple(map(str, places.results)),
            seeds=tuple(seeds),
            sheet=str(places.sheet),
            map=str(places.map),
            spread=round(spread.mean, 3),
        ),
    )


def in_words(compared: Compared) -> str:
    """As in: 4 variants, 2.1 of 255 apart where changed; saved a-1.jpg to a-4.jpg, a-variants.png, a-spread.png."""
    files = f"{compared.files[0]} to {Path(compared.files[-1]).name}"
    apart = f"{len(compared.files)} variants, {compared.spread:.1f} of 255 apart where changed"
    return f"{apart}; saved {files}, {Path(compared.sheet).name}, {Path(compared.map).name}"


def _all(first: Result, others: Iterator[Result]) -> Iterator[Result]:
    yield first
    yield from others
