"""What every command line of the project shares: how it starts and how it fails."""

import os
import sys
import warnings
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from movinet.errors import InputError, Stopped, VerificationError

EXIT_BAD_RESULT = 1
EXIT_BAD_INPUT = 2


def run(
    main: Callable[..., None], *, positional: Sequence[str] = (), home: str = "__main__"
) -> None:
    """Parses the flags, runs `main`, and turns bad input into one sentence and exit code 2.

    Bad flags end the same way; a result that fails its verification ends with exit code 1. `--help`
    prints the flags and ends with 0.

    Args:
      main: is called with the positional arguments.
      positional: their names; all are required, anywhere between the flags.
      home: the module that defines the flags and whose docstring `--help` prints.
    """

    def guarded(arguments: Sequence[str]) -> None:
        try:
            values = arguments[1:]
            if len(values) < len(positional):
                raise InputError(f"{positional[len(values)]} is missing (see --help).")
            if len(values) > len(positional):
                raise InputError(
                    f"Unexpected argument {values[len(positional)]!r}: settings are flags "
                    "(see --help)."
                )
            main(*values)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(EXIT_BAD_INPUT)
        except VerificationError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(EXIT_BAD_RESULT)
        except Stopped as stop:
            print(stop, file=sys.stderr)
            sys.exit(128 + stop.number)
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

    # It says so of every Python that will end some day, wherever TensorFlow is imported.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
    if positional:
        flags.FLAGS.set_gnu_getopt()  # Flags may follow arguments.
    if home != "__main__":
        # absl describes the main module, which is thin where the command is part of the package.
        sys.modules["__main__"].__doc__ = sys.modules[home].__doc__
        for flag in flags.FLAGS.get_flags_for_module(home):
            flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    app.run(guarded, flags_parser=parse)


def quieten() -> None:
    """Keeps what TensorFlow and LiteRT say to themselves off the terminal, unless --verbosity asks.

    Their native code writes notes to file descriptor 2 that no setting stops; Python's own standard
    error goes on to where that pointed before.
    """
    if flags.FLAGS["verbosity"].present:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.ERROR)
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
