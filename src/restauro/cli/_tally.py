"""Many inputs: each failing one costs one line, the others go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from restauro.core.errors import InputError, PartialError, RestauroError


def bug(error: Exception) -> str:
    """One line for what should not have happened."""
    text = (str(error) or "no message").splitlines()[0]
    return f"this is a bug: {type(error).__name__}: {text} (RESTAURO_DEBUG=1 shows where)"


class Failure(msgspec.Struct, frozen=True):
    """One input that could not be done."""

    input: str
    error: str
    exit_code: int


class Tally:
    """Counts what was tried and what failed."""

    def __init__(self) -> None:
        self.tried = 0
        self.failed: list[Failure] = []

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Work on one input: an error is said on stderr and remembered, not raised."""
        self.tried += 1
        try:
            yield
        except RestauroError as error:
            self._fail(name, str(error), error.exit_code)
        except Exception as error:
            if os.environ.get("RESTAURO_DEBUG"):
                raise
            if _out_of_memory(error):
                self._fail(name, "there is not enough memory for it", InputError.exit_code)
            elif isinstance(error, BrokenPipeError):
                raise
            else:
                self._fail(name, bug(error), 1)

    @property
    def exit_code(self) -> int:
        """The error's own where it is the only input, 6 where others were tried as well."""
        if not self.failed:
            return 0
        return self.failed[0].exit_code if self.tried == 1 else PartialError.exit_code

    def _fail(self, name: str, message: str, code: int) -> None:
        self.failed.append(Failure(name, message, code))
        known = message.startswith(("this is", "there is")) or os.path.basename(name) not in message
        print(f"restauro: {f'{name}: ' if known else ''}{message}", file=sys.stderr)


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
