"""Draw pictures from a prior alone."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restauro.cli._command import Command, Parser
from restauro.cli._files import check_free
from restauro.cli._knobs import whole
from restauro.cli._photo import add_output_options
from restauro.cli._print import print_json
from restauro.cli._progress import Bar
from restauro.core.errors import OutputError, RecipeError
from restauro.core.knobs import parse_settings
from restauro.core.registry import SAMPLERS

if TYPE_CHECKING:
    from PIL.Image import Image


class Sample(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} [-n COUNT] [-o OUT] [options]"
        group = parser.add_argument_group("how")
        group.add_argument("-n", "--count", type=whole(1, 1000), default=16, metavar="N", help="how many pictures (default 16)")
        group.add_argument("--prior", default="face-prior", metavar="NAME", help="weights of the prior (default face-prior)")
        group.add_argument(
            "--steps", type=whole(1, 1000), metavar="N", help="from noise to picture (default 40; --faithful: all)"
        )
        walk = "default dpmpp-2m, --faithful: ancestral (`restauro samplers list`)"
        group.add_argument("--sampler", type=parse_settings, metavar="NAME[:knob=value,...]", help=walk)
        rules = "which timesteps are visited, instead of --steps: trailing:50, ddim100, ..."
        group.add_argument("--respacing", metavar="RULE", help=rules)
        group.add_argument(
            "--faithful", action="store_true", help="as published: every timestep of the training, one noisy step each"
        )
        stage = "then enlarge them: super-resolver[:factor=2,steps=sr3-linear:20]; repeated, one after another"
        group.add_argument("--cascade", action="append", default=[], metavar="WEIGHTS", help=stage)
        group.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="seed of all noise (default 0)")
        files = parser.add_argument_group("files")
        where = "a sheet of all (default samples.png), or FOLDER/ for single pictures"
        files.add_argument("-o", "--output", default="samples.png", metavar="OUT", help=where)
        files.add_argument("--grid", action="store_true", help="the pictures side by side at their own size instead of the sheet")
        moving = "an animation of the first 16 as they form, too (.gif or .webp)"
        files.add_argument("--animate", metavar="FILE", help=moving)
        files.add_argument("--overwrite", action=argparse.BooleanOptionalAction, help="replace a file that is there already")
        add_output_options(parser.options)

    def run(self, args: argparse.Namespace) -> int:
        sampler, knobs = args.sampler or (None, {})
        settings: dict[str, Any] = {
            "steps": args.steps,
            "seed": args.seed,
            "prior": args.prior,
            "sampler": sampler,
            "sampler_knobs": knobs,
        }
        settings |= {"respacing": args.respacing, "faithful": args.faithful, "cascade": args.cascade}
        if sampler:
            SAMPLERS.check(sampler)  # before torch is loaded
        out = Path(args.output)
        single = out.is_dir() or args.output.endswith(("/", os.sep))
        if single and args.grid:
            raise RecipeError("--grid is one picture of all; name a file with -o")
        for place in filter(None, [None if single else out, args.animate and Path(args.animate)]):
            check_free(place, bool(args.overwrite))
        if args.animate and Path(args.animate).suffix.lower() not in (".gif", ".webp"):
            raise RecipeError(f"--animate {args.animate}: an animation is written as .gif or .webp")
        from restauro import api
        from restauro.evaluation.sheets import contact_sheet, picture_grid, save_animation, save_sheet

        frames: list[Image] = []
        with Bar(1, show=not args.quiet) as bar:
            bar.begin("sampling")
            watch = frames.append if args.animate else None
            pictures = api.sample(args.count, device=args.device, listener=bar, watch=watch, **settings)
        if args.animate:
            save_animation(frames, args.animate)
        files = [out]
        if single:
            _make(out)
            files = [out / f"sample-{args.seed}-{index:04d}.png" for index in range(len(pictures))]
            for file in files:
                check_free(file, bool(args.overwrite))
            for file, picture in zip(files, pictures, strict=True):
                save_sheet(picture, file)
        elif args.grid:
            save_sheet(picture_grid(pictures), out)
        else:
            across = math.ceil(math.sqrt(len(pictures)))
            save_sheet(contact_sheet([pictures[i : i + across] for i in range(0, len(pictures), across)], cell=128), out)
        if args.animate:
            files.append(Path(args.animate))
        if args.json:
            print_json({"files": files, **settings})
        elif not args.quiet:
            print(f"{len(pictures)} pictures from {args.prior}; saved {out}" + (f", {args.animate}" if args.animate else ""))
        return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder: {error.strerror}") from None
