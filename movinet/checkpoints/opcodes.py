"""What a pickle describes, without unpickling it.

A pickle is a program for a small machine with a stack. Some of its instructions call whatever
function they name, which is why a pickle of a stranger must not be loaded. This machine knows only
the instructions that weights need, and a name stands for an object of ours or for nothing at all:
it imports nothing, and what it calls is in the table that its caller gave.
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import Any

from movinet.errors import InputError

MOST_OPCODES = 1_000_000
_LARGEST = 1 << 62
_LONGEST_NAME = 80
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# Hashing a tuple goes down into it, as deep as a stranger wants.
_KEYS = (str, int, float, bool, type(None))
_DAMAGES = (ValueError, TypeError, LookupError, OverflowError)


class Unfinished:
    """What a pickle makes in two steps: with arguments first, with a state afterwards."""

    def finish(self, state: Any) -> None:
        """Takes the state. Raises ValueError or TypeError if it is not what it should be."""
        raise NotImplementedError


def read(
    data: bytes,
    names: Mapping[str, object],
    where: str,
    find: Callable[[Any], object] | None = None,
) -> Any:
    """Returns the value that a pickle describes: dicts, lists, tuples, text, bytes, numbers, and
    what is made by functions in `names`.

    Time and memory are bounded by MOST_OPCODES and the size of `data`, as far as those functions
    keep to that too. Values may hold themselves: whoever walks through them must not go on forever.

    Args:
      names: what full names such as `collections.OrderedDict` stand for: functions, which must be
        harmless with any arguments, or other objects.
      where: names the pickle in errors.
      find: returns what a persistent identifier stands for.

    Raises: InputError if it is damaged, or asks for anything else; nothing was run then.
    """
    machine = _Machine(names, where, find)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MOST_OPCODES:
                raise InputError(
                    f"{where} has more than {MOST_OPCODES:,} instructions; no weights."
                )
            machine.run(opcode.name, argument)
        return machine.result()
    except InputError:
        raise
    except _DAMAGES as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{where} is damaged or cut off ({reason}).") from error


def whole(value: Any) -> int:
    """Returns a value that is a whole number from zero on, of a size that memory could have.

    Raises: ValueError if it is anything else.
    """
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise ValueError("a size or place is no whole number")
    return value


class _Machine:
    """A stack, the stacks below it (of which each mark begins a new one), and a memory."""

    def __init__(
        self, names: Mapping[str, object], where: str, find: Callable[[Any], object] | None
    ) -> None:
        self._names = names
        self._where = where
        self._find = find
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memory: dict[int, Any] = {}

    def result(self) -> Any:
        """What is left when the program has ended."""
        if self._below:
            raise ValueError("it ends too early")
        (value,) = self._stack
        return value

    def run(self, opcode: str, argument: Any) -> None:
        """Runs one instruction."""
        stack = self._stack
        if opcode in _LITERALS:
            stack.append(_literal(argument))
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _TUPLES:
            items = [self._pop() for _ in range(_TUPLES[opcode])]
            stack.append(tuple(reversed(items)))
        elif opcode not in ("PROTO", "FRAME", "STOP"):
            method = getattr(self, f"_{opcode.lower()}", None)
            if method is None:
                raise InputError(
                    f"{self._where} uses the instruction {opcode}, which no weights need; nothing "
                    "was run."
                )
            method(*(() if argument is None else (argument,)))

    def _mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop_mark(self) -> list[Any]:
        above, self._stack = self._stack, self._below.pop()
        return above

    def _pop(self) -> Any:
        return self._stack.pop()

    def _dup(self) -> None:
        self._stack.append(self._stack[-1])

    def _empty_list(self) -> None:
        self._stack.append([])

    def _empty_dict(self) -> None:
        self._stack.append({})

    def _tuple(self) -> None:
        items = tuple(self._pop_mark())
        self._stack.append(items)

    def _append(self) -> None:
        self._extend([self._pop()])

    def _appends(self) -> None:
        self._extend(self._pop_mark())

    def _extend(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise TypeError("it appends to what is no list")
        self._stack[-1].extend(items)

    def _setitem(self) -> None:
        value, key = self._pop(), self._pop()
        self._update([key, value])

    def _setitems(self) -> None:
        self._update(self._pop_mark())

    def _update(self, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        if type(self._stack[-1]) is not dict or not all(type(key) in _KEYS for key in keys):
            raise TypeError("it sets what is no item of a dict")
        self._stack[-1].update(zip(keys, values, strict=True))

    def _binput(self, place: int) -> None:
        self._memory[place] = self._stack[-1]

    _long_binput = _binput

    def _memoize(self) -> None:
        self._binput(len(self._memory))

    def _binget(self, place: int) -> None:
        self._stack.append(self._memory[place])

    _long_binget = _binget

    def _global(self, module_and_name: str) -> None:
        self._look_up(module_and_name.replace(" ", ".", 1))

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise TypeError("a name is no text")
        self._look_up(f"{module}.{name}")

    def _look_up(self, name: str) -> None:
        if name not in self._names:
            raise InputError(
                f"{self._where} asks for {name[:_LONGEST_NAME]}, which no weights need; nothing "
                "was run. Save the state dict alone."
            )
        self._stack.append(self._names[name])

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if type(arguments) is not tuple or not callable(function):
            raise TypeError("it calls what is no function")
        self._stack.append(function(*arguments))

    def _build(self) -> None:
        state, target = self._pop(), self._stack[-1]
        if isinstance(target, Unfinished):
            target.finish(state)
        elif type(target) is not dict:  # The attributes of an OrderedDict are of no interest.
            raise TypeError("it gives a state to what has none")

    def _binpersid(self) -> None:
        if self._find is None:
            raise TypeError("it refers to what lies outside")
        self._stack.append(self._find(self._pop()))


def _literal(value: Any) -> Any:
    """A number or text as it is, if it is no number that nobody could print."""
    if type(value) is int and abs(value) > _LARGEST:
        raise ValueError("a number is too large")
    return value
