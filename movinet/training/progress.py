"""Training as seen on the terminal: a bar that moves, or one line an interval where there is no
terminal.
"""

import shutil
import sys
import time

import tqdm

from movinet.training.trainer import Numbers


def describe(numbers: Numbers) -> str:
    """The numbers in words: `loss 0.412, accuracy 87.5 %, learning rate 1.2e-03`."""
    words = []
    for name, value in numbers.items():
        shown = name.replace("_", " ")
        if "accuracy" in name:
            words.append(f"{shown.replace('top 5', 'top-5')} {100 * value:.1f} %")
        elif name == "learning_rate":
            words.append(f"{shown} {value:.2e}")
        else:
            words.append(f"{shown} {value:.3f}")
    return ", ".join(words)


def duration(seconds: float) -> str:
    """`2 h 05 min`, `3 min 20 s` or `12 s`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


class Progress:
    """Shows steps, rate, time left, and the latest numbers of a training run."""

    def __init__(self, step: int, train_steps: int, batch_size: int) -> None:
        self.step = step
        self.train_steps = train_steps
        self.batch_size = batch_size
        self.seconds_a_step: float | None = None
        self.started = time.monotonic()
        self.on_terminal = sys.stdout.isatty() and sys.stderr.isatty()
        self.bar = tqdm.tqdm(
            total=train_steps,
            initial=step,
            disable=not self.on_terminal,
            ncols=shutil.get_terminal_size((120, 24)).columns,
            bar_format="{percentage:3.0f}% |{bar:12}| {n}/{total} [{remaining} left]{postfix}",
        )

    def advance(self, step: int) -> None:
        """Notes that training has come to `step`; call it right after the steps have run."""
        seconds = (time.monotonic() - self.started) / max(step - self.step, 1)
        if self.seconds_a_step is None:
            # The first steps include tracing the graph, which says nothing about the rate.
            self.seconds_a_step = 0.0
        elif self.seconds_a_step == 0.0:
            self.seconds_a_step = seconds
        else:
            self.seconds_a_step = 0.7 * self.seconds_a_step + 0.3 * seconds
        self.bar.update(step - self.step)
        self.step = step
        self.resume()

    def resume(self) -> None:
        """Restarts the clock after a pause that was no training."""
        self.started = time.monotonic()

    def show(self, numbers: Numbers) -> None:
        """Shows the numbers of the interval that ended."""
        if self.on_terminal:
            self.bar.set_postfix_str(f"{self._rate()}{describe(numbers)}")
        else:
            left = (self.train_steps - self.step) * (self.seconds_a_step or 0.0)
            time_left = (
                f", {duration(left)} left"
                if self.seconds_a_step and self.step < self.train_steps
                else ""
            )
            print(
                f"step {self.step}/{self.train_steps}: "
                f"{describe(numbers)}{self._rate(', ')}{time_left}",
                flush=True,
            )

    def _rate(self, before: str = "") -> str:
        if not self.seconds_a_step:
            return ""
        rate = f"{self.batch_size / self.seconds_a_step:.1f} clips/s"
        return f"{before}{rate}" if before else f"{rate}, "

    def say(self, sentence: str) -> None:
        """Prints a sentence above the bar."""
        self.bar.write(sentence) if self.on_terminal else print(sentence, flush=True)

    def close(self) -> None:
        """Leaves the terminal to others."""
        self.bar.close()
