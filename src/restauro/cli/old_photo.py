"""Restore old photographs: the whole, scratches and all, and their faces."""

from __future__ import annotations

import argparse
from typing import Any

from restauro.cli._command import Parser
from restauro.cli._knobs import add_knobs, given
from restauro.cli._photo import PhotoCommand
from restauro.core.recipe import Whole


class OldPhoto(PhotoCommand):
    task, made = "old-photo", "-restored"

    def _more(self, parser: Parser) -> None:
        group = parser.add_argument_group("the whole photograph")
        systems = "restore only the whole (old-photos) or only the faces (pgdiff); default: both, if the weights are at hand"
        group.add_argument("--with", dest="by", action="append", choices=["old-photos", "pgdiff"], help=systems)
        add_knobs(group, Whole, skip={"faces_by"})

    def _settings(self, args: argparse.Namespace) -> dict[str, Any]:
        return super()._settings(args) | given(args, Whole) | {"by": args.by}
