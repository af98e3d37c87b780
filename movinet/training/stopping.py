"""Ends a run in order when a signal asks for it: what was learned is saved first."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from movinet.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Waits for signals that ask the process to end, from `watch` on.

    A signal ends what is being done at once where nothing would be lost by it. While `held`, it is
    only noted, and whoever holds asks for it. Further signals change nothing.

    Attributes: received: the signal that came, None before.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._is_held = False
        self._watched: list[signal.Signals] = []

    def watch(self) -> None:
        """Takes the signals over, except those that are ignored (as `nohup` has it)."""
        self._watched = [n for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
        self.watch_again()

    def watch_again(self) -> None:
        """Takes back what others have taken over: where machines meet, TensorFlow's native code
        installs a handler of SIGTERM, of which Python does not know.
        """
        for number in self._watched:
            signal.signal(number, self._receive)

    @contextlib.contextmanager
    def held(self, hold: bool = True) -> Iterator[None]:
        """Lets a signal wait to the end of what is done inside; with `hold` false it ends that at
        once.
        """
        before, self._is_held = self._is_held, hold
        try:
            if not hold and self.received is not None:
                raise self.stopped()
            yield
        finally:
            self._is_held = before
        if self.received is not None and not self._is_held:
            raise self.stopped()

    def follow(self) -> None:
        """Ends as if asked to: another machine of the run was."""
        if self.received is None:
            self.received = signal.SIGTERM

    def stopped(self, kept: str = "") -> Stopped:
        """What to raise after a signal was received; `kept` says what was saved."""
        assert self.received is not None
        name = signal.Signals(self.received).name
        return Stopped(self.received, f"Stopped by {name}{kept and f'; {kept}'}.")

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.received is not None:
            return
        self.received = number
        if not self._is_held:
            raise self.stopped()
