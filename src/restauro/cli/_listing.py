"""`list` and `show` of a registry: names and first lines are read from files, knobs from the class."""

from __future__ import annotations

import argparse
from typing import Any, ClassVar

import msgspec

from restauro.cli._command import Command, Parser
from restauro.cli._print import print_json, print_table
from restauro.core.errors import RecipeError
from restauro.core.knobs import KnobInfo, knobs
from restauro.core.registry import Registry


def add_list_and_show(parser: Parser, what: str, *more: str) -> None:
    parser.usage = f"{parser.prog} {'|'.join(['list', 'show', *more])} [NAME] [--json]"
    parser.add_argument("action", choices=["list", "show", *more], help=f"all {what}s, or one in full")
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"the {what} to show")
    parser.options.add_argument("--json", action="store_true", help="one JSON document on stdout instead of words")


def name_of(args: argparse.Namespace, what: str) -> str:
    if not args.name:
        raise RecipeError(f"show which {what}? `restauro {what}s list` names them")
    return str(args.name)


class Listing(Command):
    """The entries of one registry."""

    registry: ClassVar[Registry]
    plural: ClassVar[str]

    def arguments(self, parser: Parser) -> None:
        add_list_and_show(parser, self.registry.kind)

    def run(self, args: argparse.Namespace) -> int:
        if args.action == "list":
            rows = [(name, self.registry.summary(name)) for name in self.registry]
            print_json([{"name": name, "what": what} for name, what in rows]) if args.json else print_table(rows)
            return 0
        if not args.name:
            raise RecipeError(f"show which {self.registry.kind}? `restauro {self.plural} list` names them")
        name = self.registry.check(args.name)
        found = knobs(self.registry.get(name))
        if args.json:
            print_json({"name": name, "what": self.registry.summary(name), "knobs": [knob_facts(knob) for knob in found]})
            return 0
        print(f"{name}: {self.registry.summary(name)}")
        print_table([(f"  {knob.name}", f"default {knob.default}", knob.range, _words(knob)) for knob in found])
        return 0


def knob_facts(knob: KnobInfo) -> dict[str, Any]:
    """A knob for JSON; its default as plain values."""
    return {
        "name": knob.name,
        "default": msgspec.to_builtins(knob.default),
        "range": knob.range,
        "unit": knob.unit,
        "help": knob.help,
    }


def _words(knob: KnobInfo) -> str:
    return knob.help + (f" ({knob.unit})" if knob.unit else "")
