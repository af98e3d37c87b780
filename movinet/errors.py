"""The errors that command lines turn into one sentence."""


class InputError(ValueError):
    """The user gave something wrong: the message is a sentence saying what, where, what to do.

    Command lines print it without a traceback and end with exit code 2.
    """


class VerificationError(Exception):
    """What was made does not compute what it should, so nothing was left behind.

    Command lines print the message without a traceback and end with exit code 1.
    """
