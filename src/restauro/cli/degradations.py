"""The forward models of damage that training and `degrade` are made of."""

from __future__ import annotations

import argparse
import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from restauro.cli._listing import Listing
from restauro.cli._print import print_table
from restauro.core.registry import DEGRADATIONS


class Degradations(Listing):
    registry, plural = DEGRADATIONS, "degradations"

    def run(self, args: argparse.Namespace) -> int:
        code = super().run(args)
        if args.action == "list" and not args.json:
            print("\nchains of them, for `restauro degrade --chain`:")
            print_table(list(chains().items()))
        return code


def chains() -> dict[str, str]:
    """The named chains and their one line each, read from their file without importing it: that would load torch."""
    spec = find_spec("restauro.degradations._named")
    assert spec is not None and spec.origin
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "ABOUT" and node.value:
            found: dict[str, Any] = ast.literal_eval(node.value)
            return found
    return {}
