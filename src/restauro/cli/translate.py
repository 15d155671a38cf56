"""Translate whole photographs by a generator, as pix2pix trains them: --model names its weights."""

from __future__ import annotations

import argparse
from typing import Any

from restauro.cli._knobs import add_knobs
from restauro.cli._photo import PhotoCommand
from restauro.core.recipe import Recipe

KNOBS = ("dropout", "seed")


class Translate(PhotoCommand):
    task, made, mask, reference = "translate", "-translated", "", False

    def _knobs(self, group: argparse._ArgumentGroup) -> None:
        which = "weights of the generator: a name, or a file, which is imported (`restauro models list`)"
        group.add_argument("-m", "--model", dest="restorer", required=True, metavar="NAME", help=which)
        add_knobs(group, Recipe, skip=[name for name in Recipe.__struct_fields__ if name not in KNOBS])
        group.set_defaults(want=None, sampler=None)

    def _settings(self, args: argparse.Namespace) -> dict[str, Any]:
        """Variants are those of dropout, the only chance there is."""
        return super()._settings(args) | ({"dropout": True} if args.variants else {})
