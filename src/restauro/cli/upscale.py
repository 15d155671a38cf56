"""Enlarge photographs two or four times; reduced again, they are what they were."""

from __future__ import annotations

from restauro.cli._photo import PhotoCommand


class Upscale(PhotoCommand):
    task, made, mask, reference = "upscale", "-larger", "", False
    skip = frozenset("told restorer upscaler aligned faces only_center_face min_face colour force_reference force".split())
