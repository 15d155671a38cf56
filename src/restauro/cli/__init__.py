"""The command line: `restauro COMMAND ...`. One file of this folder is one command; only the one asked for is loaded."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from restauro import __version__
from restauro.cli._command import Command, Parser
from restauro.cli._tally import bug
from restauro.core.errors import RecipeError, RestauroError
from restauro.core.registry import Registry

COMMANDS = Registry("command", "restauro.cli", "restauro.cli._command:Command")
BROKEN_PIPE = 141
"""What a shell reports of a program that wrote to a closed pipe (128 + SIGPIPE)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 2 usage, 3 input, 4 output, 5 weights, 6 some of many, 130 stopped."""
    words = list(sys.argv[1:] if argv is None else argv)
    with warnings.catch_warnings():
        warnings.showwarning = _warn  # one line, without the source code
        try:
            code = _run(words)
            sys.stdout.flush()
            return code
        except RestauroError as error:
            return _say(str(error), error.exit_code)
        except KeyboardInterrupt:
            return _say("stopped; nothing half-written is left", 130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the flush at exit must not complain again
            return BROKEN_PIPE
        except Exception as error:
            if os.environ.get("RESTAURO_DEBUG"):
                traceback.print_exc()
            return _say(bug(error), 1)


def _run(words: list[str]) -> int:
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"restauro {__version__}")
        return 0
    name = _command(words[0])
    command: Command = COMMANDS.get(name)()
    parser = Parser(name, COMMANDS.summary(name))
    command.arguments(parser)
    args = parser.read(words[1:])
    return 0 if args is None else command.run(args)


def _command(word: str) -> str:
    if word.startswith("-"):
        raise RecipeError(f"the command comes first, found {word!r}: restauro COMMAND ...; `restauro --help` lists them")
    if word not in COMMANDS and os.path.exists(word):
        raise RecipeError(f"{word!r} is no command; to restore it: restauro restore {word}")
    return COMMANDS.check(word)


def _overview() -> str:
    lines = ["usage: restauro COMMAND ...", "", "Restores old and damaged photographs, and says what it changed.", ""]
    lines += [f"  {name:<14}{COMMANDS.summary(name)}" for name in COMMANDS]
    lines += ["", "restauro COMMAND --help says more; to begin: restauro restore grandma.jpg"]
    return "\n".join(lines)


def _say(message: str, code: int) -> int:
    print(f"restauro: {message}", file=sys.stderr)
    return code


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"restauro: warning: {message}", file=sys.stderr)
