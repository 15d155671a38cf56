"""Damage photographs on purpose, to try a recipe where the truth is known."""

from __future__ import annotations

import argparse
import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from restauro.cli._command import Command, Parser
from restauro.cli._files import Job, check_free, jobs, photographs
from restauro.cli._photo import add_output_options
from restauro.cli._print import print_json
from restauro.cli._tally import Tally
from restauro.core.errors import RecipeError
from restauro.core.knobs import parse_settings, suggest
from restauro.core.registry import DEGRADATIONS


class Degrade(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} PHOTO... [--chain NAME] [--seed N] [-o OUT]"
        parser.add_argument("photos", nargs="*", metavar="PHOTO", help="photographs, or folders of photographs")
        group = parser.add_argument_group("how")
        known = f"{', '.join(chains())} (default codeformer), or links like blur:low=4+jpeg (`restauro degradations list`)"
        group.add_argument("--chain", default="codeformer", metavar="CHAIN", help=known)
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
        _check_chain(args.chain)
        if args.seed < 0:
            raise RecipeError("--seed is a whole number of at least 0")
        sources, _ = photographs(words, args.suffix or "-damaged")
        tally, done = Tally(), []
        ending = "" if args.ext in (None, "auto") else args.ext.lower().lstrip(".")
        for job in jobs(words, sources, args.output, args.suffix, ending, "-damaged"):
            with tally.attempt(str(job.source)):
                done.append(one := _damage(job, args))
                if not args.json and not args.quiet:
                    drawn = "; ".join(f"{link} {_values(values)}".strip() for link, values in one["drawn"])
                    print(f"{job.source}: {drawn}; saved {job.output}" + (f", {one['mask']}" if one["mask"] else ""))
        if args.json:
            print_json({"done": done, "failed": tally.failed})
        return tally.exit_code


def chains() -> list[str]:
    """The names of the chains, read from their file without importing it: that would load torch."""
    spec = find_spec("restauro.degradations.chains")
    assert spec is not None and spec.origin
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "CHAINS" and isinstance(node.value, ast.Dict):
            return [str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)]
    return []


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
    picture, mask, drawn = api.degrade(photo, args.chain, seed=args.seed)
    if mask is not None:
        check_free(place, overwrite)
        save_sheet(mask, place)
    write(job.output, photo, np.asarray(picture, np.float32) / 255, overwrite=overwrite)
    return {"input": str(job.source), "output": str(job.output), "mask": "" if mask is None else str(place), "drawn": drawn}


def _values(values: dict[str, Any]) -> str:
    """The plain numbers of what was drawn; seeds and whole fields say nothing to a reader."""
    shown = {key: value for key, value in values.items() if isinstance(value, int | float) and key != "seed"}
    return " ".join(f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in shown.items())
