"""Make a result of ours again from its recipe and its source."""

from __future__ import annotations

import argparse
from pathlib import Path

from restauro.cli._command import Command, Parser
from restauro.cli._files import Job, check_free
from restauro.cli._photo import add_output_options
from restauro.cli._print import print_json
from restauro.cli._progress import Bar
from restauro.cli._save import save


class Replay(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} OUT [--source PHOTO] [-o NEW]"
        parser.add_argument("result", metavar="OUT", help="a picture that restauro wrote")
        group = parser.add_argument_group("files")
        group.add_argument("--source", metavar="PHOTO", help="the original photograph (default: the recorded name beside OUT)")
        group.add_argument("--mask", metavar="FILE", help="the mask, where one was used")
        told = "a reference photograph that was used; may be given several times"
        group.add_argument("--reference", action="append", metavar="FILE", help=told)
        group.add_argument("-o", "--output", metavar="NEW", help="default: NAME-replayed.EXT beside OUT")
        group.add_argument("--overwrite", action=argparse.BooleanOptionalAction, help="replace a file that is there already")
        add_output_options(parser.options, memory=True)

    def run(self, args: argparse.Namespace) -> int:
        place = Path(args.result)
        output = Path(args.output) if args.output else place.with_name(f"{place.stem}-replayed{place.suffix}")
        check_free(output, bool(args.overwrite))
        from restauro import api

        with Bar(1, show=not args.quiet) as bar:
            bar.begin(place.name)
            where = {"device": args.device, "low_memory": args.low_memory, "listener": bar}
            result = api.replay(place, args.source, mask=args.mask, reference=args.reference or (), **where)
        source = Path(args.source) if args.source else place.parent / result.source.name
        args.strip_metadata, args.quality = False, None
        save(result, Job(source, output), args)
        same = output.read_bytes() == place.read_bytes()
        if args.json:
            print_json({"input": place, "output": output, "identical": same, "recipe": result.recipe, "report": result.report})
        elif not args.quiet:
            print(f"{place}: saved {output}; {'identical, byte for byte' if same else 'the bytes differ'}")
        return 0
