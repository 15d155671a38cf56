"""`restauro evaluate study`: a page on which people judge pictures, and what they answered."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from restauro.cli._knobs import whole
from restauro.cli._print import note, print_json
from restauro.core.errors import RecipeError

PAGE = ("method", "real", "rank", "shown", "unpaired", "title", "practice", "trials", "seconds", "side", "output")
OPTIONS = (*PAGE, "answers")


def add_study(group: argparse._ArgumentGroup) -> None:
    what = "a method's name and the folder of its pictures; may be repeated; pictures of one name belong together"
    group.add_argument("--method", action="append", default=[], metavar="NAME=DIR", help=what)
    group.add_argument("--real", metavar="DIR", help="the real pictures: asks which of two is real, after a second's look")
    group.add_argument("--rank", action="store_true", help="asks to order the methods' results from best to worst")
    group.add_argument("--shown", metavar="DIR", help="pictures that stand above the results to be ordered")
    group.add_argument("--unpaired", action="store_true", help="the real picture of a trial is another than the made one's")
    group.add_argument("--title", metavar="TEXT", help="of the page")
    group.add_argument("--practice", type=whole(0, 1000), metavar="N", help="trials with feedback that do not count (default 10)")
    group.add_argument("--trials", type=whole(1, 1000), metavar="N", help="trials that count (default 40)")
    group.add_argument("--seconds", type=_seconds, metavar="S", help="for which two pictures are seen (default 1)")
    group.add_argument("--side", type=whole(32, 2048), metavar="PX", help="to which larger pictures are reduced (default 256)")
    group.add_argument("-o", "--output", metavar="PAGE", help="the page, one HTML file (default study.html)")
    group.add_argument("--answers", nargs="+", metavar="FILE", help="read the answers that the page gave out, instead")


def study(args: argparse.Namespace) -> int:
    """Write a page, or read answers."""
    if args.answers:
        if wrong := [name for name in PAGE if getattr(args, name)]:
            raise RecipeError(f"--{wrong[0]} makes a page; --answers reads what came of one")
        return _read(args)
    if not args.method:
        raise RecipeError("evaluate study needs --method NAME=DIR to make a page, or --answers FILE... to read what came of one")
    methods = dict(_named(word) for word in args.method)
    if len(methods) < len(args.method):
        raise RecipeError("--method: each method needs a name of its own")
    if not args.real and not args.rank:
        raise RecipeError("evaluate study needs --real DIR, --rank, or both: what is asked")
    if args.shown and not args.rank:
        raise RecipeError("--shown belongs to --rank")
    if args.unpaired and not args.real:
        raise RecipeError("--unpaired belongs to --real")
    from restauro import api

    said = {name: getattr(args, name) for name in ("title", "practice", "trials", "seconds", "side")}
    said = {name: value for name, value in said.items() if value is not None}
    out = args.output or "study.html"
    page = api.make_study(out, methods, real=args.real, rank=args.rank, shown=args.shown, paired=not args.unpaired, **said)
    if args.json:
        print_json({"page": page})
    elif not args.quiet:
        print(f"{page}: {page.stat().st_size / 1e6:.1f} MB; whoever opens it gives back a CSV file (see --answers)")
    return 0


def _read(args: argparse.Namespace) -> int:
    from restauro import api

    found = api.read_answers(args.answers)
    if found.repeated and not args.quiet:
        note(f"read once, though given again: {', '.join(found.repeated)}")
    if args.json:
        parts = {"called_real": found.fooled, "ranked_first": found.first, "within_first_two": found.second}
        plain: dict[str, Any] = {part: {name: one._asdict() for name, one in shares.items()} for part, shares in parts.items()}
        print_json({"people": found.people, **plain})
        return 0
    print(found.table().text(), end="")
    return 0


def _named(word: str) -> tuple[str, Path]:
    name, equals, folder = word.partition("=")
    if not equals or not name.strip() or not folder:
        raise RecipeError(f"--method {word!r}: expected NAME=DIR")
    return name.strip(), Path(folder)


def _seconds(text: str) -> float:
    try:
        if 0.05 <= (value := float(text)) <= 60:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected seconds from 0.05 to 60, found {text!r}")
