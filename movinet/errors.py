"""The errors that command lines turn into one sentence."""


class InputError(ValueError):
    """The user gave something wrong: the message is a sentence saying what, where, what to do.

    Command lines print it without a traceback and end with exit code 2. What a terminal would obey
    or not show, as names in files of others may hold it, is escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(map(_shown, message)))


class VerificationError(Exception):
    """What was made does not compute what it should, so nothing was left behind.

    Command lines print the message without a traceback and end with exit code 1.
    """


class LostWorkerError(Exception):
    """Another machine of the run has ended or cannot be reached: nothing is wrong with this one.

    The same commands, started again on all machines, go on from the last checkpoint.
    """


class Stopped(BaseException):
    """A signal asked this process to end, and it does so in order; not an error to be handled.

    Command lines print the message and end with exit code 128 + `number`, as shells report it.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return character.encode("unicode_escape").decode()
