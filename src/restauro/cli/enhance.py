"""Make faces crisper that are fairly good already; says how much was invented."""

from __future__ import annotations

from restauro.cli._photo import PhotoCommand


class Enhance(PhotoCommand):
    task, made = "enhance", "-enhanced"
    skip = frozenset({"force"})
