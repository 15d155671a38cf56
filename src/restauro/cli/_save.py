"""Writing one result, as the options of the command say."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from restauro.cli._files import Job

if TYPE_CHECKING:
    from restauro.api import Result


def save(result: Result, job: Job, args: argparse.Namespace) -> list[str]:
    """Write a result; an unchanged photograph is copied byte for byte, whatever its name says it is."""
    from restauro.core.files import write_atomically

    overwrite, same_name = bool(args.overwrite), job.output.suffix == job.source.suffix
    if not result.changed and same_name and not args.strip_metadata and args.quality is None:
        write_atomically(job.output, job.source.read_bytes(), overwrite=overwrite)
        return []
    return result.save(job.output, metadata=not args.strip_metadata, quality=args.quality, overwrite=overwrite)
