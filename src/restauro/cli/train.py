"""Train a part of a system on pictures of your own: a prior, a restorer, a super-resolver, ...; `--list` names them."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import msgspec

from restauro.cli._command import Command, Parser
from restauro.cli._knobs import add_knobs, given, value_of, whole
from restauro.cli._listing import knob_facts
from restauro.cli._print import print_json, print_table
from restauro.cli._progress import Bar
from restauro.core.errors import Interrupted, RecipeError
from restauro.core.events import Event
from restauro.core.knobs import knobs, suggest
from restauro.training.run import Run

if TYPE_CHECKING:
    from restauro.api.parts import Config
    from restauro.training.run import Progress

HERE = ("device", "workers", "save_every", "samples_every", "log_every", "slice_minutes", "part_mb", "light")
"""Knobs that do not change the weights: the passport's command leaves them out."""


class Train(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = (
            f"{parser.prog} PART --data PICTURES [--config NAME|FILE] [--out RUN] [--resume] [--ship NAME --about TEXT]"
        )
        parser.add_argument("part", nargs="?", metavar="PART", help="what to train; may be left out with --config")
        parser.add_argument("--list", action="store_true", help="name what can be trained, and the presets, and stop")
        parser.add_argument("--plot", metavar="RUN", help="draw the loss and the scores of a run into RUN/plot.png, and stop")
        parser.add_argument("--knobs", action="store_true", help="list the knobs of this part and of the run, and stop")
        data = parser.add_argument_group("pictures")
        data.add_argument("--data", metavar="DIR", help="a folder of pictures or of WebDataset tars, or one tar")
        data.add_argument("--held", metavar="DIR", help="held-out pictures for the scores (default: a twentieth of --data)")
        data.add_argument("--pattern", metavar="GLOB", help="which tars of the folder (default *.tar)")
        data.add_argument("--size", type=whole(16, 1024), metavar="PX", help="side of the pictures (default 128)")
        data.add_argument("--stored", type=whole(16, 4096), metavar="PX", help="keep them larger, and cut --size out at random")
        run = parser.add_argument_group("run")
        run.add_argument("--config", metavar="NAME", help="settings from a preset or a JSON file; what is said here comes first")
        run.add_argument("--out", metavar="RUN", help="folder of the run: its checkpoint and its log (default runs/PART)")
        run.add_argument("--resume", action="store_true", help="go on with the run in this folder, if there is one")
        run.add_argument("--knob", action="append", default=[], metavar="NAME=VALUE", help="a knob of the part; may be repeated")
        add_knobs(run, Run)
        ship = parser.add_argument_group("afterwards")
        ship.add_argument("--ship", metavar="NAME", help="write the weights under this name, for --prior or --restorer")
        ship.add_argument("--into", metavar="FOLDER", help="where to (default: the store of imported weights)")
        ship.add_argument("--about", metavar="TEXT", help="the training pictures in words, for the passport")
        ship.add_argument("--licence", default="", metavar="TEXT", help="what the weights may be used for, for the passport")
        parser.options.add_argument("--json", action="store_true", help="one JSON document on stdout instead of words")
        parser.options.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")

    def run(self, args: argparse.Namespace) -> int:
        if args.list:
            return _list_parts(args)
        if args.plot:
            return _plot(Path(args.plot), args)
        if not args.knobs and not args.data:
            raise RecipeError("train needs --data PICTURES")
        if args.ship and not args.about:
            raise RecipeError("--ship needs --about TEXT: the training pictures in words, for the passport")
        if args.into and not args.ship:
            raise RecipeError("--into belongs to --ship NAME")
        named = _named(args.knob)
        part, where, settings = _asked(args, named)
        if args.knobs:
            return _list_knobs(part, args)
        first = os.environ.get("RANK", "0") == "0"  # under torchrun only the first process speaks and ships
        last = _train(args, part, where, settings, speak=first and not args.quiet)
        passport = self._ship(args, part, where, settings) if args.ship and first else None
        if args.json and first:
            print_json({"run": where["out"], "last": last, "shipped": passport})
        return 0

    def _ship(self, args: argparse.Namespace, part: str, where: dict[str, Any], settings: dict[str, Any]) -> Any:
        from restauro import api
        from restauro.weights.store import imported_folder

        folder = Path(args.into) if args.into else imported_folder()
        facts = {"name": args.ship, "about": args.about, "licence": args.licence, "command": _command(args, part)}
        passport = api.ship(part, args.data, folder=folder, **facts, **where, **settings)
        if not args.quiet and not args.json:
            scores = ", ".join(f"{name} {value:g}" for name, value in passport.scores.items())
            print(f"shipped {passport.name} ({passport.kind}) to {folder / passport.file_name}: {scores}")
        return passport


def _asked(args: argparse.Namespace, named: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The part, where its pictures and its run are, and the knobs of the run: the command line over the configuration,
    whose steps would count before minutes.
    """
    from restauro.api import parts

    config: Config = parts.config(args.config) if args.config else parts.Config()
    if args.part and config.part and args.part != config.part:
        raise RecipeError(f"{args.config} trains {config.part!r}, not {args.part!r}")
    part = args.part or config.part
    if not part:
        raise RecipeError("train what? `restauro train --list` names what can be trained")
    own, settings = _sorted(named, parts.objective(part))
    default = f"runs/{Path(args.config).stem if args.config else part}"
    where = {
        "out": args.out or default,
        "held": args.held or config.held or None,
        "pattern": args.pattern or config.pattern,
        "size": args.size or config.size,
        "stored": args.stored or config.stored,
        "objective": {**config.objective, **own},
    }
    said = {**settings, **given(args, Run)}
    kept = {name: value for name, value in config.run.items() if name != "steps" or "minutes" not in said}
    return part, where, {**kept, **said}


def _train(
    args: argparse.Namespace, part: str, where: dict[str, Any], settings: dict[str, Any], *, speak: bool
) -> dict[str, Any] | None:
    """Run the loop and say how it goes; the last step's news."""
    from restauro import api
    from restauro.training.checkpoint import exists

    last = None
    out = where["out"]
    try:
        with Bar(1, show=speak) as bar:
            bar.begin(f"training {part}")
            for news in api.train(part, args.data, resume=args.resume, **where, **settings):
                last = news
                bar.call(f"{part}: step {news.step}, loss {news.loss:.4f}, {news.pictures_per_second:.3g} pictures/s")
                bar(Event("training", round(news.share * 10_000), 10_000))
                if news.scores is not None and speak and not args.json:
                    print(_line(news))
                    sys.stdout.flush()
    except KeyboardInterrupt:
        there = exists(Path(out))
        stays = f"the checkpoint in {out} stays; go on with --resume" if there else "no checkpoint had been written yet"
        raise Interrupted(f"stopped after step {last.step if last else 0}; {stays}") from None
    if last is None and speak and not args.json:
        print(f"{out}: the run is finished already")
    return None if last is None else vars(last)


def _line(news: Progress) -> str:
    scores = ", ".join(f"{name} {value:.4g}" for name, value in (news.scores or {}).items())
    speed = f"{news.pictures_per_second:.1f} pictures/s"
    left = f", {_clock(news.remaining)} left" if news.remaining else ""
    return f"step {news.step} ({news.share:.0%}, {_clock(news.seconds)}, {speed}{left}): loss {news.loss:.4f}, {scores}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02}:{time.strftime('%M:%S', time.gmtime(seconds))}"


def _named(pairs: list[str]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise RecipeError(f"--knob {pair!r}: expected NAME=VALUE")
        found[name.strip().replace("-", "_")] = value_of(value.strip())
    return found


def _sorted(named: dict[str, Any], part: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Knobs of what is trained, and of the run."""
    own: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    lists = {knob.name for knob in knobs(part) if get_origin(knob.type) is tuple}
    for name, value in named.items():
        if name in part.__struct_fields__:
            own[name] = [value] if name in lists and not isinstance(value, list) else value
        elif name in Run.__struct_fields__:
            settings[name] = value
        else:
            known = [*part.__struct_fields__, *Run.__struct_fields__]
            raise RecipeError(f"there is no knob {name!r}{suggest(name, known)}")
    return own, settings


def _list_parts(args: argparse.Namespace) -> int:
    from restauro.api import parts

    known, ready = parts.parts(), parts.presets()
    if args.json:
        print_json({"parts": known, "presets": ready})
        return 0
    print("what can be trained (restauro train PART --knobs says how):")
    print_table([(f"  {part}", f"of {place.rpartition('.')[2]}") for part, place in known.items()])
    print("presets (restauro train --config NAME --data PICTURES):")
    print_table([(f"  {name}", config.part, config.what) for name, config in ready.items()])
    return 0


def _list_knobs(part: str, args: argparse.Namespace) -> int:
    from restauro.api import parts

    found: dict[str, type[msgspec.Struct]] = {part: parts.objective(part), "run": Run}
    if args.json:
        print_json({title: [knob_facts(one) for one in knobs(struct)] for title, struct in found.items()})
        return 0
    for title, struct in found.items():
        print(f"{title}:")
        print_table([(f"  {one.name}", f"default {one.default}", one.range, one.help) for one in knobs(struct)])
    return 0


def _plot(out: Path, args: argparse.Namespace) -> int:
    from restauro.core.files import write_atomically
    from restauro.training import plot

    found = plot.curves(out)
    picture = plot.draw(found)
    path = write_atomically(out / "plot.png", lambda file: picture.save(file, "PNG"))
    if args.json:
        print_json({"plot": path, "curves": found})
    elif not args.quiet:
        for name, curve in found.items():
            print(f"{name}: {curve[0][1]:.4g} at step {curve[0][0]}, {curve[-1][1]:.4g} at step {curve[-1][0]}")
        print(f"drawn in {path}")
    return 0


def _command(args: argparse.Namespace, part: str) -> str:
    """For the passport: what made the weights, with the folder's name instead of this machine's path."""
    words = ["restauro", "train", *([part] if args.part else []), "--data", Path(args.data).resolve().name]
    if args.config:
        words += ["--config", Path(args.config).name]
    for name in ("size", "stored"):
        if (value := getattr(args, name)) is not None:
            words += [f"--{name}", str(value)]
    for name, value in given(args, Run).items():
        if name not in HERE:
            text = f"{value:g}" if isinstance(value, float) else str(value)
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [text])]
    return shlex.join([*words, *(word for pair in args.knob for word in ("--knob", pair))])
