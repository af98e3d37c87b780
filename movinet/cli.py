"""What every command line of the project shares: how it starts and how it fails."""

import sys
from collections.abc import Callable, Sequence

from absl import app

from movinet.errors import InputError

EXIT_BAD_INPUT = 2


def run(main: Callable[[], None]) -> None:
    """Parses the flags, runs `main`, and turns bad input into one sentence and exit code 2.

    Bad flag values end the same way: absl prints them with the flag's name.
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
            return app.parse_flags_with_usage(list(arguments))
        except SystemExit as ended:
            raise SystemExit(EXIT_BAD_INPUT if ended.code else 0) from None

    app.run(guarded, flags_parser=parse)
