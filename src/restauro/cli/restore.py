"""Sharpen and clean the faces of photographs; everything else stays as it is."""

from __future__ import annotations

from restauro.cli._photo import PhotoCommand


class Restore(PhotoCommand):
    task, made = "restore", "-restored"
    systems = ("pgdiff", "diffbir")
