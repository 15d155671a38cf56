"""Print the recipe inside a result of ours."""

from __future__ import annotations

import argparse

from restauro.cli._command import Command, Parser
from restauro.cli.recipes import print_recipe
from restauro.core.errors import InputError
from restauro.core.recipe import Recipe


class ShowRecipe(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} OUT [--json]"
        parser.add_argument("result", metavar="OUT", help="a picture that restauro wrote")
        parser.options.add_argument("--json", action="store_true", help="the recipe as JSON")

    def run(self, args: argparse.Namespace) -> int:
        from restauro.photo.recall import read_recipe  # and not api.recipe_of, which would load torch

        text = read_recipe(args.result)
        if text is None:
            raise InputError(f"{args.result}: holds no recipe; only pictures written by restauro do")
        print_recipe(Recipe.from_json(text), json=args.json)
        return 0
