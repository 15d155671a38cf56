"""The recipe of every task, ours and as published."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from restauro.cli._command import Command, Parser
from restauro.cli._listing import add_list_and_show, name_of
from restauro.cli._print import print_json, print_table
from restauro.core.errors import RecipeError
from restauro.core.knobs import knobs, suggest
from restauro.core.recipe import Recipe
from restauro.systems._tasks import TASKS
from restauro.systems.diffbir.recipe import NAMED, RELEASED
from restauro.systems.pgdiff.recipe import BASELINES, PUBLISHED

OURS, OTHERS = TASKS | NAMED, BASELINES | RELEASED
"""What we do, and what others published beside PGDiff's tasks, which have the names of ours."""


class Recipes(Command):
    def arguments(self, parser: Parser) -> None:
        add_list_and_show(parser, "recipe")
        parser.options.add_argument("--faithful", action="store_true", help="show: the recipe as published")

    def run(self, args: argparse.Namespace) -> int:
        if args.action == "list":
            faithful = PUBLISHED | OTHERS
            if args.json:
                print_json({"ours": OURS, "faithful": faithful})
            else:
                rows = [(name, _in_short(OURS.get(name)), _in_short(faithful.get(name))) for name in OURS | faithful]
                print_table([("RECIPE", "OURS", "AS PUBLISHED (--faithful, --method)"), *rows])
            return 0
        name = name_of(args, "recipe").replace("_", "-")
        if name not in OURS | OTHERS:
            raise RecipeError(f"unknown recipe {name!r}{suggest(name, OURS | OTHERS)}")
        if args.faithful and name not in PUBLISHED | OTHERS:
            raise RecipeError(f"{name} was never published as a program: there is no faithful recipe of it")
        print_recipe(((PUBLISHED if args.faithful else OURS) | OTHERS)[name], json=args.json)
        return 0


def print_recipe(recipe: Recipe, *, json: bool) -> None:
    """As JSON that can be stored and replayed, or a line a knob with what it means."""
    if json:
        print_json(recipe)
        return
    helps = {knob.name: knob.help + (f" ({knob.unit})" if knob.unit else "") for knob in knobs(Recipe)}
    plain = msgspec.to_builtins(recipe)
    print_table([(name, _value(value), helps[name]) for name, value in plain.items()])


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(_want(one) if isinstance(one, dict) else str(one) for one in value) or "-"
    if isinstance(value, dict):
        return " ".join(f"{key}={one}" for key, one in value.items()) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _want(want: dict[str, Any]) -> str:
    """As it is written after --want."""
    knobs = {"weight": want["weight"], **want["knobs"]}
    return f"{want['property']}:{','.join(f'{key}={one}' for key, one in knobs.items())}"


def _in_short(recipe: Recipe | None) -> str:
    if recipe is None:
        return "-"
    wants = " ".join(_want(msgspec.to_builtins(want)) for want in recipe.wants)
    scale = f"scale={recipe.published.scale:g}" if recipe.published else ""
    return " ".join(filter(None, [f"{recipe.sampler}, {recipe.steps} steps", scale, wants]))
