"""Give the faces of grey photographs colour; their lightness stays exactly as it is."""

from __future__ import annotations

from restauro.cli._photo import PhotoCommand


class Colorize(PhotoCommand):
    task, made, mask = "colorize", "-colorized", ""
    skip = frozenset({"colour", "force"})
