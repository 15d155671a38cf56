"""Damage photographs on purpose, to try a recipe where the truth is known."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from restauro.cli._command import Command, Parser
from restauro.cli._files import Job, check_free, jobs, photographs
from restauro.cli._photo import add_output_options
from restauro.cli._print import print_json
from restauro.cli._tally import Tally
from restauro.cli.degradations import chains
from restauro.core.errors import RecipeError
from restauro.core.knobs import parse_settings, suggest
from restauro.core.registry import DEGRADATIONS

DEFAULT, ACROSS = "codeformer", 6


class Degrade(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} PHOTO... [--chain NAME|--all] [--seed N] [-o OUT]"
        parser.add_argument("photos", nargs="*", metavar="PHOTO", help="photographs, or folders of photographs")
        group = parser.add_argument_group("how")
        known = "a chain of `restauro degradations list` (default codeformer), or links: blur:low=4+jpeg:p=0.5 (p: how likely)"
        group.add_argument("--chain", metavar="CHAIN", help=known)
        group.add_argument("--all", action="store_true", help="one sheet of every degradation and chain (NAME-damages.png)")
        group.add_argument("--seed", type=int, default=0, metavar="N", help="seed of what is drawn (default 0)")
        files = parser.add_argument_group("files")
        files.add_argument("-i", "--input", action="extend", nargs="+", metavar="PHOTO", help="the same as PHOTO")
        where = "a file, or a folder for several (default: NAME-damaged.EXT beside each); beside it the mask of what was torn out"
        files.add_argument("-o", "--output", metavar="OUT", help=where)
        files.add_argument("--suffix", help="what is added to the names (default -damaged; nothing in another folder)")
        files.add_argument("--ext", metavar="png|jpg|...", help="format of the results (default: the photograph's own)")
        files.add_argument("--overwrite", action=argparse.BooleanOptionalAction, help="replace files that are there already")
        add_output_options(parser.options, device=False)

    def run(self, args: argparse.Namespace) -> int:
        words = [*args.photos, *(args.input or [])]
        if not words:
            raise RecipeError("name at least one photograph: restauro degrade PHOTO...")
        if args.chain and args.all:
            raise RecipeError("--all shows every chain; leave out --chain")
        _check_chain(args.chain or DEFAULT)
        if args.seed < 0:
            raise RecipeError("--seed is a whole number of at least 0")
        made = "-damages" if args.all else "-damaged"
        sources, _ = photographs(words, args.suffix or made)
        tally, done = Tally(), []
        ending = ("png" if args.all else "") if args.ext in (None, "auto") else args.ext.lower().lstrip(".")
        for job in jobs(words, sources, args.output, args.suffix, ending, made):
            with tally.attempt(str(job.source)):
                done.append(one := _show_all(job, args) if args.all else _damage(job, args))
                if not args.json and not args.quiet:
                    drawn = "; ".join(f"{link} {_values(values)}".strip() for link, values in _flat(one["drawn"]))
                    saved = f"saved {job.output}" + (f", {one['mask']}" if one["mask"] else "")
                    print(f"{job.source}: {drawn}; {saved}" if drawn else f"{job.source}: {saved}")
        if args.json:
            print_json({"done": done, "failed": tally.failed})
        return tally.exit_code


def _check_chain(text: str) -> None:
    """A named chain, or links joined by plus signs; refused before torch is loaded."""
    known = [*chains(), *DEGRADATIONS]
    for name, _ in map(parse_settings, text.split("+")):
        if name.replace("_", "-") not in known:
            raise RecipeError(f"unknown chain {name!r}{suggest(name, known)}")


def _damage(job: Job, args: argparse.Namespace) -> dict[str, Any]:
    import numpy as np

    from restauro import api
    from restauro.evaluation.sheets import save_sheet
    from restauro.photo.read import read
    from restauro.photo.write import write

    overwrite, place = bool(args.overwrite), job.output.with_name(f"{job.output.stem}-mask.png")
    check_free(job.output, overwrite)
    photo = read(job.source)
    picture, mask, drawn = api.degrade(photo, args.chain or DEFAULT, seed=args.seed)
    if mask is not None:
        check_free(place, overwrite)
        save_sheet(mask, place)
    write(job.output, photo, np.asarray(picture, np.float32) / 255, overwrite=overwrite)
    return {"input": str(job.source), "output": str(job.output), "mask": "" if mask is None else str(place), "drawn": drawn}


def _show_all(job: Job, args: argparse.Namespace) -> dict[str, Any]:
    """The photograph, every degradation and every chain on one labelled sheet."""
    from PIL import Image

    from restauro import api
    from restauro.evaluation.sheets import contact_sheet, save_sheet, to_image
    from restauro.photo.read import read

    check_free(job.output, bool(args.overwrite))
    picture = to_image(read(job.source).pixels)
    picture.thumbnail((512, 512), Image.Resampling.LANCZOS)
    names = [*DEGRADATIONS, *(name for name in chains() if name not in DEGRADATIONS)]
    shown = [picture, *(api.degrade(picture, name, seed=args.seed)[0] for name in names)]
    captions = ["undamaged", *names]
    cuts = [slice(i, i + ACROSS) for i in range(0, len(shown), ACROSS)]
    sheet = contact_sheet([shown[c] for c in cuts], captions=[captions[c] for c in cuts], cell=256, heading=job.source.name)
    save_sheet(sheet, job.output)
    return {"input": str(job.source), "output": str(job.output), "mask": "", "drawn": []}


def _flat(drawn: Sequence[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The links that were applied; of one that chooses among others, those it chose."""
    for link, values in drawn:
        if "drawn" in values:
            yield from _flat(values["drawn"])
        else:
            yield link, values


def _values(values: dict[str, Any]) -> str:
    """The plain numbers and words of what was drawn; seeds say nothing to a reader."""
    return " ".join(f"{key}={_word(value)}" for key, value in values.items() if key != "seed")


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_word, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
