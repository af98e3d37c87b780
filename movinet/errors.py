"""The one family of errors that a user's input can cause."""


class InputError(ValueError):
    """The user gave something wrong: the message is a sentence saying what, where, what to do.

    Command lines print it without a traceback and end with exit code 2.
    """
