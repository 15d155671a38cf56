"""Every refusal is one line: what, where, what would work. The class decides the exit code."""

from __future__ import annotations


class RestauroError(Exception):
    """Base of all refusals. `exit_code` is what the command line returns."""

    exit_code = 1


class InputError(RestauroError):
    """A picture, mask or folder that cannot be used.

    kind: "empty", "not-an-image", "unsupported-format", "unsupported-pixel-format",
    "truncated", "corrupt", "too-large", "missing", or "unusable" (readable, but wrong for the task).
    """

    exit_code = 3

    def __init__(self, message: str, kind: str = "unusable"):
        super().__init__(message)
        self.kind = kind


class RecipeError(RestauroError):
    """A setting that does not exist, is out of range, or cannot be combined with the others."""

    exit_code = 2


class WeightsError(RestauroError):
    """Weights that are missing, damaged, or not what was expected."""

    exit_code = 5


class OutputError(RestauroError):
    """A result that cannot be written."""

    exit_code = 4


class PartialError(RestauroError):
    """Some of many inputs failed; the others are done."""

    exit_code = 6


class Interrupted(RestauroError):
    """The user stopped the run; nothing half-written is left."""

    exit_code = 130
