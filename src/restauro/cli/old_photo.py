"""Restore the faces of old photographs, with or without a mask of their scratches."""

from __future__ import annotations

from restauro.cli._photo import PhotoCommand


class OldPhoto(PhotoCommand):
    task, made = "old-photo", "-restored"
