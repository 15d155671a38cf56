"""Give grey photographs colour, the whole and its faces; the lightness stays exactly as it is."""

from __future__ import annotations

from restauro.cli._photo import PhotoCommand


class Colorize(PhotoCommand):
    task, made, mask = "colorize", "-colorized", ""
    systems = ("pgdiff", "diffbir")
    skip = frozenset({"colour", "force"})
    own = frozenset({"colorizer"})
