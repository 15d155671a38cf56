"""Train a part of a system on pictures of your own: prior, restorer, identity, critic or classifier."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from restauro.cli._command import Command, Parser
from restauro.cli._knobs import value_of, whole
from restauro.cli._listing import knob_facts
from restauro.cli._print import print_json, print_table
from restauro.cli._progress import Bar
from restauro.core.errors import Interrupted, RecipeError
from restauro.core.events import Event
from restauro.core.knobs import knobs, suggest

STATE = "state.pt"


class Train(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} PART --data PICTURES --out RUN [--minutes M] [--resume] [--ship NAME --about TEXT]"
        parser.add_argument("part", metavar="PART", help="prior, restorer, identity, critic or classifier")
        data = parser.add_argument_group("pictures")
        data.add_argument("--data", metavar="DIR", help="a folder of pictures or of WebDataset tars, or one tar")
        data.add_argument("--held", metavar="DIR", help="held-out pictures for the scores (default: a twentieth of --data)")
        data.add_argument("--pattern", default="*.tar", metavar="GLOB", help="which tars of the folder (default *.tar)")
        data.add_argument("--size", type=whole(16, 1024), default=128, metavar="PX", help="side of the pictures (default 128)")
        run = parser.add_argument_group("run")
        run.add_argument("--out", metavar="RUN", help="folder of the run: its checkpoint and its log")
        run.add_argument("--resume", action="store_true", help="go on with the run in this folder")
        for name, what in (
            ("minutes", "stop after so many minutes of training, all slices together (default 60)"),
            ("steps", "stop after so many steps"),
            ("batch", "pictures in a step (default 16)"),
            ("seed", "seed of all draws (default 0)"),
        ):
            run.add_argument(f"--{name}", type=_number, metavar="N", help=what)
        run.add_argument("--knob", action="append", default=[], metavar="NAME=VALUE", help="another knob; may be repeated")
        run.add_argument("--knobs", action="store_true", help="list the knobs of this part and of the run, and stop")
        ship = parser.add_argument_group("afterwards")
        ship.add_argument("--ship", metavar="NAME", help="write the weights under this name, for --prior or --restorer")
        ship.add_argument("--into", metavar="FOLDER", help="where to (default: the store of imported weights)")
        ship.add_argument("--about", metavar="TEXT", help="the training pictures in words, for the passport")
        ship.add_argument("--licence", default="", metavar="TEXT", help="what the weights may be used for, for the passport")
        parser.options.add_argument("--json", action="store_true", help="one JSON document on stdout instead of words")
        parser.options.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")

    def run(self, args: argparse.Namespace) -> int:
        if not args.knobs and (not args.data or not args.out):
            raise RecipeError("train needs --data PICTURES and --out RUN")
        if args.ship and not args.about:
            raise RecipeError("--ship needs --about TEXT: the training pictures in words, for the passport")
        if args.into and not args.ship:
            raise RecipeError("--into belongs to --ship NAME")
        named = _named(args.knob)
        from restauro.systems.pgdiff.objective import PARTS
        from restauro.training.loop import Run

        if args.part not in PARTS:
            raise RecipeError(f"there is no part {args.part!r} to train{suggest(args.part, PARTS)}")
        part = PARTS[args.part]
        if args.knobs:
            return _list_knobs(part, Run, args)
        own, settings = _sorted(named, part, Run)
        settings |= {name: value for name in ("minutes", "steps", "batch", "seed") if (value := getattr(args, name)) is not None}
        where = {"out": args.out, "held": args.held, "pattern": args.pattern, "size": args.size, "objective": own}
        last = _train(args, where, settings)
        passport = None
        if args.ship:
            passport = self._ship(args, where, settings)
        if args.json:
            print_json({"run": args.out, "last": last, "shipped": passport})
        return 0

    def _ship(self, args: argparse.Namespace, where: dict[str, Any], settings: dict[str, Any]) -> Any:
        from restauro import api
        from restauro.weights.store import imported_folder

        folder = Path(args.into) if args.into else imported_folder()
        facts = {"name": args.ship, "about": args.about, "licence": args.licence, "command": _command(args)}
        passport = api.ship(args.part, args.data, folder=folder, **facts, **where, **settings)
        if not args.quiet and not args.json:
            scores = ", ".join(f"{name} {value:g}" for name, value in passport.scores.items())
            print(f"shipped {passport.name} ({passport.kind}) to {folder / passport.file_name}: {scores}")
        return passport


def _train(args: argparse.Namespace, where: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any] | None:
    """Run the loop and say how it goes; the last step's news."""
    from restauro import api

    last = None
    speak = not args.quiet and not args.json
    try:
        with Bar(1, show=not args.quiet) as bar:
            bar.begin(f"training {args.part}")
            for news in api.train(args.part, args.data, resume=args.resume, **where, **settings):
                last = news
                bar.call(f"{args.part}: step {news.step}, loss {news.loss:.4f}")
                bar(Event("training", round(news.share * 10_000), 10_000))
                if news.scores is not None and speak:
                    print(_line(news))
                    sys.stdout.flush()
    except KeyboardInterrupt:
        there = (Path(args.out) / STATE).exists()
        stays = f"the checkpoint in {args.out} stays; go on with --resume" if there else "no checkpoint had been written yet"
        raise Interrupted(f"stopped after step {last.step if last else 0}; {stays}") from None
    if last is None and speak:
        print(f"{args.out}: the run is finished already")
    return None if last is None else vars(last)


def _line(news: Any) -> str:
    scores = ", ".join(f"{name} {value:.4g}" for name, value in news.scores.items())
    spent = time.strftime("%H:%M:%S", time.gmtime(news.seconds))
    speed = f"{news.pictures_per_second:.1f} pictures/s"
    return f"step {news.step} ({news.share:.0%}, {spent}, {speed}): loss {news.loss:.4f}, {scores}"


def _named(pairs: list[str]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise RecipeError(f"--knob {pair!r}: expected NAME=VALUE")
        found[name.strip().replace("-", "_")] = value_of(value.strip())
    return found


def _sorted(
    named: dict[str, Any], part: type[msgspec.Struct], run: type[msgspec.Struct]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Knobs of what is trained, and of the run."""
    own: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for name, value in named.items():
        if name in part.__struct_fields__:
            own[name] = value
        elif name in run.__struct_fields__:
            settings[name] = value
        else:
            known = [*part.__struct_fields__, *run.__struct_fields__]
            raise RecipeError(f"there is no knob {name!r}{suggest(name, known)}")
    return own, settings


def _list_knobs(part: type[msgspec.Struct], run: type[msgspec.Struct], args: argparse.Namespace) -> int:
    if args.json:
        print_json({args.part: [knob_facts(one) for one in knobs(part)], "run": [knob_facts(one) for one in knobs(run)]})
        return 0
    for title, struct in ((args.part, part), ("run", run)):
        print(f"{title}:")
        print_table([(f"  {one.name}", f"default {one.default}", one.range, one.help) for one in knobs(struct)])
    return 0


def _command(args: argparse.Namespace) -> str:
    """For the passport: what made the weights, with the folder's name instead of this machine's path."""
    words = ["restauro", "train", args.part, "--data", Path(args.data).name]
    for name in ("minutes", "steps", "batch", "seed"):
        if (value := getattr(args, name)) is not None:
            words += [f"--{name}", f"{value:g}"]
    return shlex.join([*words, *(word for pair in args.knob for word in ("--knob", pair))])


def _number(text: str) -> float | int:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return int(value) if value == int(value) else value
