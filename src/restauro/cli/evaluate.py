"""Measure on pictures of your own: a prior's likelihood, the scores of segmentations, what people see (a study page)."""

from __future__ import annotations

import argparse
from math import isnan
from typing import Any

from restauro.cli._command import Command, Parser
from restauro.cli._knobs import whole
from restauro.cli._photo import add_output_options
from restauro.cli._print import note, print_json, print_table
from restauro.cli._progress import Bar
from restauro.cli._study import OPTIONS as STUDY
from restauro.cli._study import add_study, study
from restauro.core.errors import RecipeError

NEEDED = {"ddpm": ("data",), "pix2pix": ("truth", "found"), "study": ()}
OPTIONS = {
    "ddpm": ("data", "pattern", "count", "bits", "progressive", "prior", "timesteps", "seed"),
    "pix2pix": ("truth", "found", "classes", "palette", "faithful"),
    "study": STUDY,
}
ROWS = 10
"""Lines of the progressive table; --json has all."""


class Evaluate(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = (
            f"{parser.prog} ddpm --data PICTURES [--bits] [--progressive] [--prior NAME] [--timesteps N]\n"
            f"       {parser.prog} pix2pix --truth LABELS --found LABELS --classes N | --palette FILE\n"
            f"       {parser.prog} study --method NAME=DIR... [--real DIR] [--rank] [-o PAGE] | --answers FILE..."
        )
        what = "ddpm: a prior's likelihood; pix2pix: what a segmentation network found; study: what people see"
        parser.add_argument("system", metavar="WHAT", choices=list(NEEDED), help=what)
        _of_ddpm(parser.add_argument_group("ddpm"))
        _of_pix2pix(parser.add_argument_group("pix2pix"))
        add_study(parser.add_argument_group("study"))
        add_output_options(parser.options)

    def run(self, args: argparse.Namespace) -> int:
        for system, options in OPTIONS.items():
            if wrong := [name for name in options if getattr(args, name) and system != args.system]:
                raise RecipeError(f"--{wrong[0]} belongs to `restauro evaluate {system}`")
        for name in NEEDED[args.system]:
            if not getattr(args, name):
                raise RecipeError(f"evaluate {args.system} needs --{name} DIR")
        return {"ddpm": _ddpm, "pix2pix": _pix2pix, "study": study}[args.system](args)


def _of_ddpm(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data", metavar="DIR", help="a folder of pictures or of WebDataset tars, or one tar")
    group.add_argument("--pattern", metavar="GLOB", help="which tars of the folder (default *.tar)")
    group.add_argument("-n", "--count", type=whole(1, 10**6), metavar="N", help="only the first N pictures")
    group.add_argument("--bits", action="store_true", help="bits per dimension and its parts (the default)")
    group.add_argument("--progressive", action="store_true", help="rate and distortion while a picture is sent")
    group.add_argument("--prior", metavar="NAME", help="weights of the prior (default face-prior)")
    steps = "so many timesteps a picture, drawn in strata, or all (default 50)"
    group.add_argument("--timesteps", type=_timesteps, metavar="N|all", help=steps)
    group.add_argument("--seed", type=whole(0, 2**32 - 1), metavar="N", help="seed of noise and timesteps (default 0)")


def _of_pix2pix(group: argparse._ArgumentGroup) -> None:
    kinds = "grey or indexed pictures whose values are classes, or .npy files of labels or of a network's scores"
    group.add_argument("--truth", metavar="DIR", help=f"true labels: {kinds}")
    group.add_argument("--found", metavar="DIR", help="labels that were found, under the same names")
    group.add_argument("--classes", type=whole(2, 10**4), metavar="N", help="how many there are; other true labels are left out")
    group.add_argument("--palette", metavar="FILE", help="labels are colours: a text file with a line R G B for each class")
    group.add_argument("--faithful", action="store_true", help="as published: a class that does not occur counts as 0")


def _ddpm(args: argparse.Namespace) -> int:
    from restauro import api

    with Bar(1, show=not args.quiet) as bar:
        bar.begin("measuring")
        given = {name: getattr(args, name) for name in ("prior", "pattern", "count", "seed") if getattr(args, name) is not None}
        timesteps = 50 if args.timesteps is None else args.timesteps or None
        found = api.evaluate(args.data, timesteps=timesteps, device=args.device, listener=bar, **given)
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


def _pix2pix(args: argparse.Namespace) -> int:
    from restauro import api

    if not args.classes and not args.palette:
        raise RecipeError("evaluate pix2pix needs --classes N, or --palette FILE")
    found = api.segmentation(args.truth, args.found, args.classes or 0, palette=args.palette, faithful=args.faithful)
    if found.missing and not args.quiet:
        note(f"{len(found.missing)} labels have no answer and are not scored: {', '.join(found.missing[:3])}")
    rows = {"per-pixel accuracy": found.pixel_accuracy, "per-class accuracy": found.class_accuracy, "class IoU": found.class_iou}
    if args.json:
        plain = {name.replace(" ", "_").replace("-", "_"): one._asdict() for name, one in rows.items()}
        by_class = [{"accuracy": _known(a), "iou": _known(b)} for a, b in zip(found.accuracies, found.ious, strict=True)]
        print_json({"pictures": found.pictures, "missing": found.missing, **plain, "classes": by_class})
        return 0
    rule = "absent ones count as 0, as published" if args.faithful else "absent ones are left out"
    print(f"{found.pictures} pictures, {found.classes} classes ({rule}); intervals of 95 %")
    print_table([(f"  {name}", f"{one.mean:.4f}", f"[{one.low:.4f}, {one.high:.4f}]") for name, one in rows.items()])
    return 0


def _known(value: float) -> float | None:
    return None if isnan(value) else value


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
