"""Draw pictures from a prior alone."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

from restauro.cli._command import Command, Parser
from restauro.cli._files import check_free
from restauro.cli._knobs import whole
from restauro.cli._photo import add_output_options
from restauro.cli._print import print_json
from restauro.cli._progress import Bar
from restauro.core.errors import OutputError
from restauro.core.recipe import Recipe


class Sample(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} [-n COUNT] [-o OUT] [options]"
        group = parser.add_argument_group("how")
        group.add_argument("-n", "--count", type=whole(1, 1000), default=16, metavar="N", help="how many pictures (default 16)")
        where = "a sheet of all (default samples.png), or FOLDER/ for single pictures"
        group.add_argument("-o", "--output", default="samples.png", metavar="OUT", help=where)
        group.add_argument("--overwrite", action=argparse.BooleanOptionalAction, help="replace a file that is there already")
        group.add_argument("--prior", default="face-prior", metavar="NAME", help="weights of the prior (default face-prior)")
        group.add_argument("--steps", type=whole(1, 1000), default=40, metavar="N", help="from noise to picture (default 40)")
        group.add_argument("--sampler", default="dpmpp-2m", metavar="NAME", help="default dpmpp-2m (`restauro samplers list`)")
        group.add_argument("--seed", type=int, default=0, metavar="N", help="seed of all noise (default 0)")
        add_output_options(parser.options)

    def run(self, args: argparse.Namespace) -> int:
        Recipe(sampler=args.sampler, seed=args.seed)  # checked before torch is loaded
        out = Path(args.output)
        single = out.is_dir() or args.output.endswith(("/", os.sep))
        if not single:
            check_free(out, bool(args.overwrite))
        from restauro import api
        from restauro.evaluation.sheets import contact_sheet, save_sheet

        with Bar(1, show=not args.quiet) as bar:
            bar.begin("sampling")
            settings = {"steps": args.steps, "seed": args.seed, "prior": args.prior, "sampler": args.sampler}
            pictures = api.sample(args.count, device=args.device, listener=bar, **settings)
        files = [out]
        if single:
            _make(out)
            files = [out / f"sample-{args.seed}-{index:04d}.png" for index in range(len(pictures))]
            for file in files:
                check_free(file, bool(args.overwrite))
            for file, picture in zip(files, pictures, strict=True):
                save_sheet(picture, file)
        else:
            across = math.ceil(math.sqrt(len(pictures)))
            save_sheet(contact_sheet([pictures[i : i + across] for i in range(0, len(pictures), across)], cell=128), out)
        if args.json:
            print_json({"files": files, **settings})
        elif not args.quiet:
            print(f"{len(pictures)} pictures from {args.prior}; saved {out}")
        return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder: {error.strerror}") from None
