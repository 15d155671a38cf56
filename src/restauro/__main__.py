"""`python -m restauro`: the same as the command `restauro`."""

import sys

from restauro.cli import main

if __name__ == "__main__":
    sys.exit(main())
