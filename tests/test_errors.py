"""What errors say is words, whatever names they repeat."""

from movinet import InputError


def test_a_message_gives_a_terminal_no_orders():
    error = InputError("a\x1b[2J: \ud800, \ufeff, é\n'b'")
    assert str(error) == "a\\x1b[2J: \\ud800, \\ufeff, é\n'b'"
    assert str(InputError(str(error))) == str(error)
