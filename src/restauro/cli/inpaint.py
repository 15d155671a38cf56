"""Fill what a mask marks as missing; all other pixels stay exactly as they are."""

from __future__ import annotations

from restauro.cli._photo import PhotoCommand


class Inpaint(PhotoCommand):
    task, made, mask = "inpaint", "-inpainted", "must"
    systems = ("pgdiff", "diffbir")
    skip = frozenset({"force"})
