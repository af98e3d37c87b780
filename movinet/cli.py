"""What every command line of the project shares: how it starts and how it fails."""

import os
import sys
from collections.abc import Callable, Sequence

from absl import app, flags

from movinet.errors import InputError

EXIT_BAD_INPUT = 2


def run(main: Callable[[], None]) -> None:
    """Parses the flags, runs `main`, and turns bad input into one sentence and exit code 2.

    Bad flags end the same way. `--help` prints the flags and ends with 0.
    """

    def guarded(arguments: Sequence[str]) -> None:
        try:
            if len(arguments) > 1:
                raise InputError(
                    f"Unexpected argument {arguments[1]!r}: settings are flags (see --help)."
                )
            main()
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(EXIT_BAD_INPUT)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)

    def parse(arguments: Sequence[str]) -> list[str]:
        try:
            return flags.FLAGS(list(arguments))
        except flags.Error as error:
            print(f"error: {error} (see --help)", file=sys.stderr)
            sys.exit(EXIT_BAD_INPUT)
        except SystemExit:  # absl ends with 1 after printing the help that was asked for.
            sys.exit(0)
        except BrokenPipeError:  # `--help | head` has read enough; nothing is left to flush to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)

    app.run(guarded, flags_parser=parse)
