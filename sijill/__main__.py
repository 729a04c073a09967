"""The console script: `sijill ...` and `python -m sijill ...` are the same."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs the command line on this process's arguments and ends with its exit code."""
    from sijill.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
