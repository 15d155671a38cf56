"""Draw the faces between two faces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from restauro.cli._command import Command, Parser
from restauro.cli._files import check_free
from restauro.cli._knobs import whole
from restauro.cli._photo import add_output_options
from restauro.cli._print import print_json
from restauro.cli._progress import Bar
from restauro.core.errors import RecipeError
from restauro.core.knobs import parse_settings
from restauro.core.registry import SAMPLERS

ROWS = 9
"""Depths from coarse to fine, as in figure 9 of Ho et al. 2020."""


class Interpolate(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} PHOTO PHOTO [-o OUT] [options]"
        parser.add_argument("photos", nargs="*", metavar="PHOTO", help="two photographs; of each the largest face is taken")
        how = parser.add_argument_group("how")
        how.add_argument("-n", "--count", type=whole(2, 100), default=7, metavar="N", help="pictures in a row (default 7)")
        deep = "diffusion steps both are sent through before they are mixed; several like 125,500 give rows (default: to sigma 1)"
        how.add_argument("--depth", type=_depths, metavar="N[,N...]", help=deep)
        how.add_argument("--coarse-to-fine", action="store_true", help=f"{ROWS} rows, from all diffusion steps to none")
        how.add_argument("--linear", action="store_true", help="mix the noise linearly, as published: smoother in the middle")
        how.add_argument("--aligned", action="store_true", help="the pictures are faces cut out for this prior already")
        how.add_argument("--prior", default="face-prior", metavar="NAME", help="weights of the prior (default face-prior)")
        how.add_argument("--steps", type=whole(1, 1000), metavar="N", help="of the walk back (default 20; --faithful: all)")
        how.add_argument("--sampler", type=parse_settings, metavar="NAME[:knob=value,...]", help="default dpmpp-2m")
        how.add_argument("--faithful", action="store_true", help="as published: linear, every timestep, one noisy step each")
        how.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="seed of all noise (default 0)")
        files = parser.add_argument_group("files")
        files.add_argument("-o", "--output", default="between.png", metavar="OUT", help="a sheet of all (default between.png)")
        files.add_argument("--overwrite", action=argparse.BooleanOptionalAction, help="replace a file that is there already")
        add_output_options(parser.options)

    def run(self, args: argparse.Namespace) -> int:
        if len(args.photos) != 2:
            raise RecipeError(f"interpolate goes between two photographs, not {len(args.photos)}")
        if args.depth and args.coarse_to_fine:
            raise RecipeError("--depth and --coarse-to-fine both choose the depths; give one")
        sampler, knobs = args.sampler or (None, {})
        if sampler:
            SAMPLERS.check(sampler)  # before torch is loaded
        out = Path(args.output)
        check_free(out, bool(args.overwrite))
        from restauro import api

        depths = _all_depths(args.prior) if args.coarse_to_fine else args.depth
        settings = {"count": args.count, "depths": depths, "aligned": args.aligned, "prior": args.prior, "seed": args.seed}
        settings |= {"steps": args.steps or 20, "faithful": args.faithful, "sampler": sampler, "sampler_knobs": knobs}
        with Bar(1, show=not args.quiet) as bar:
            bar.begin("interpolating")
            rows = api.interpolate(*args.photos, spherical=not args.linear, device=args.device, listener=bar, **settings)
        _save(rows, args.count, out)
        if args.json:
            print_json({"files": [out], "depths": [row.depth for row in rows], "spherical": not args.linear, **settings})
        elif not args.quiet:
            print(f"{args.count} pictures between {args.photos[0]} and {args.photos[1]}; saved {out}")
        return 0


def _save(rows: list[Any], count: int, out: Path) -> None:
    from restauro.evaluation.sheets import contact_sheet, save_sheet

    titles = ["first", *(f"{i / (count - 1):.2f}" for i in range(count)), "second"]
    names = [f"{row.depth} steps" for row in rows]
    save_sheet(contact_sheet([row.pictures for row in rows], titles, names, cell=128), out)


def _all_depths(prior: str) -> list[int]:
    from restauro.weights.store import find

    steps = find(prior)[0].steps or 1000
    return [round(steps * row / (ROWS - 1)) for row in reversed(range(ROWS))]


def _depths(text: str) -> list[int]:
    return [whole(0, 10**5)(part.strip()) for part in text.split(",")]
