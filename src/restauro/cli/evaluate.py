"""Measure a prior on pictures of your own: bits per dimension, progressive coding."""

from __future__ import annotations

import argparse
from math import isnan
from typing import Any

from restauro.cli._command import Command, Parser
from restauro.cli._knobs import whole
from restauro.cli._photo import add_output_options
from restauro.cli._print import note, print_json, print_table
from restauro.cli._progress import Bar
from restauro.core.errors import RecipeError

ROWS = 10
"""Lines of the progressive table; --json has all."""


class Evaluate(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} ddpm --data PICTURES [--bits] [--progressive] [--prior NAME] [--timesteps N]"
        parser.add_argument("system", metavar="SYSTEM", choices=["ddpm"], help="ddpm: the likelihood of a prior")
        data = parser.add_argument_group("pictures")
        data.add_argument("--data", metavar="DIR", help="a folder of pictures or of WebDataset tars, or one tar")
        data.add_argument("--pattern", default="*.tar", metavar="GLOB", help="which tars of the folder (default *.tar)")
        data.add_argument("-n", "--count", type=whole(1, 10**6), default=0, metavar="N", help="only the first N pictures")
        what = parser.add_argument_group("what")
        what.add_argument("--bits", action="store_true", help="bits per dimension and its parts (the default)")
        what.add_argument("--progressive", action="store_true", help="rate and distortion while a picture is sent")
        how = parser.add_argument_group("how")
        how.add_argument("--prior", default="face-prior", metavar="NAME", help="weights of the prior (default face-prior)")
        steps = "so many timesteps a picture, drawn in strata, or all (default 50)"
        how.add_argument("--timesteps", type=_timesteps, default=50, metavar="N|all", help=steps)
        how.add_argument(
            "--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="seed of noise and timesteps (default 0)"
        )
        add_output_options(parser.options)

    def run(self, args: argparse.Namespace) -> int:
        if not args.data:
            raise RecipeError("evaluate needs --data PICTURES")
        from restauro import api

        with Bar(1, show=not args.quiet) as bar:
            bar.begin("measuring")
            settings = {"prior": args.prior, "timesteps": args.timesteps or None, "count": args.count, "seed": args.seed}
            found = api.evaluate(args.data, pattern=args.pattern, device=args.device, listener=bar, **settings)
        if found.broken and not args.quiet:
            note(f"{len(found.broken)} pictures could not be read: {', '.join(found.broken[:3])}")
        if args.json:
            print_json(_plain(found, args.progressive))
            return 0
        if args.bits or not args.progressive:
            _print_bits(found)
        if args.progressive:
            _print_progressive(found)
        return 0


def _print_bits(found: Any) -> None:
    steps = f"{found.timesteps} of {found.of}" if found.timesteps < found.of else f"all {found.of}"
    print(f"{found.prior}: {found.pictures} pictures, {steps} timesteps; bits per dimension ± standard error")
    rows = (
        ("bits/dim", found.total, "an upper bound"),
        ("L_0", found.decoder, "the last step, to whole levels"),
        ("L_1 to L_T-1", found.between, "all other steps"),
        ("L_T", found.last, "what is left of the picture under the most noise"),
    )
    print_table([(f"  {name}", _shown(mean), words) for name, mean, words in rows])


def _shown(mean: Any) -> str:
    return f"{mean.value:.4f}" + ("" if isnan(mean.error) else f" ± {mean.error:.4f}")


def _print_progressive(found: Any) -> None:
    print("sent so far: timestep, bits per dimension, RMSE of 255 levels")
    wanted = [found.of * k // ROWS for k in reversed(range(ROWS))]
    nearest = [min(found.progressive, key=lambda row: abs(row.t - t)) for t in wanted]
    print_table([(f"  {row.t:7.1f}", f"{row.rate:8.5f}", f"{row.rmse:8.4f}") for row in dict.fromkeys(nearest)])


def _plain(found: Any, progressive: bool) -> dict[str, Any]:
    plain = {"prior": found.prior, "pictures": found.pictures, "broken": found.broken}
    plain |= {"timesteps": found.timesteps, "of": found.of}
    parts = {"bits_per_dim": found.total, "L_0": found.decoder, "L_between": found.between, "L_T": found.last}
    plain |= {name: mean._asdict() for name, mean in parts.items()}
    return plain | ({"progressive": [row._asdict() for row in found.progressive]} if progressive else {})


def _timesteps(text: str) -> int:
    """0: all."""
    return 0 if text == "all" else whole(2, 10**5)(text)
