"""What every command is, and a parser whose errors are one line with a suggestion."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NoReturn

from restauro.core.errors import RecipeError
from restauro.core.knobs import suggest

ALIASES = {
    "--has-aligned": "--aligned",
    "--fidelity-weight": "--fidelity",
    "--input-path": "--input",
    "--output-path": "--output",
    "--outscale": "--upscale",
    "--num-steps": "--steps",
    "--color": "--colour",
    "--draw-box": "--draw-boxes",
}
"""Options of the tools people know, in our words; underscores for dashes are understood everywhere."""

REFUSED = {
    "--face-upsample": "faces are restored at the photograph's own size",
    "--bg-tile": "the background is not upsampled by a network",
    "--tile": "faces are worked on one by one; there is nothing to cut into tiles",
    "--detection-model": "the face detector is chosen by itself; `restauro doctor` names it",
    "--save-video-fps": "videos are not supported",
    "--guidance-scale": "say --faithful --scale for the published strength, --fidelity for ours",
    "--timestep-respacing": "say --steps N",
    "--gpu": "say --device cuda:N",
    "--draw-boxes": "say: restauro inspect PHOTO --draw-boxes FILE",
}
"""What other tools have and this one has not: said, not swallowed."""


class Command:
    """One command of the folder: declares its arguments, then does the work and returns the exit code."""

    def arguments(self, parser: Parser) -> None:
        """Declare them. Nothing heavy may be imported here: it also answers --help."""

    def run(self, args: argparse.Namespace) -> int:
        raise NotImplementedError


class Formatter(argparse.HelpFormatter):
    """`-w, --fidelity 0..1` instead of `-w 0..1, --fidelity 0..1`; as wide as the terminal, up to 110."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=min(110, shutil.get_terminal_size().columns))

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class Parser(argparse.ArgumentParser):
    """The parser of one command. Options are only understood in full; every error is a `RecipeError`."""

    def __init__(self, name: str, summary: str):
        super().__init__(
            prog=f"restauro {name}", description=summary, formatter_class=Formatter, allow_abbrev=False, add_help=False
        )
        self._positionals.title = "arguments"
        self.add_argument("-h", "--help", action="store_true", help=argparse.SUPPRESS)

    @cached_property
    def options(self) -> argparse._ArgumentGroup:
        """The group of what every command has; asked for last, so that it stands last in the help."""
        return self.add_argument_group("general")

    def read(self, words: Sequence[str]) -> argparse.Namespace | None:
        """The arguments, or None after `--help` was printed."""
        words = _joined([_plain(word) for word in words])
        if {"-h", "--help"} & set(words[: words.index("--")] if "--" in words else words):
            print(self.format_help(), end="")
            return None
        args, rest = self.parse_known_intermixed_args(words)
        for word in rest:
            self._refuse(word)
        return args

    def error(self, message: str) -> NoReturn:
        tail = "" if message.endswith("?") else f"; see {self.prog} --help"
        raise RecipeError(message.removeprefix("argument ") + tail)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(action, f"{str(value)!r} is not possible{suggest(str(value), known)}")

    def _refuse(self, word: str) -> NoReturn:
        option = word.partition("=")[0]
        if not option.startswith("-"):
            self.error(f"{word!r} is one argument too many")
        if why := REFUSED.get(option.lower()):
            raise RecipeError(f"{option}: {why}")
        known = [one for one in self._option_string_actions if one.startswith("--")]
        near = suggest(option, known)
        raise RecipeError(f"unknown option {option}{near if 'did you mean' in near else f'; see {self.prog} --help'}")


def _joined(words: Sequence[str]) -> list[str]:
    """`--suffix -small` as one word: argparse would take the dash for an option."""
    found: list[str] = []
    for word in words:
        if found and found[-1] == "--suffix":
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def _plain(word: str) -> str:
    """Underscores in an option's name become dashes, other tools' names ours."""
    if not word.startswith("--"):
        return word
    option, equals, value = word.partition("=")
    option = option.replace("_", "-")
    return ALIASES.get(option, option) + equals + value
