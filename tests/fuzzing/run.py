"""Fuzzes the readers of what others may have written, guided by the code that inputs reach.

    python3 tests/fuzzing/run.py --seconds=60                    every target, one after another
    python3 tests/fuzzing/run.py --seconds=600 --target=settings

What breaks a promise is made small and kept in tests/fuzzing/corpus/TARGET, which CI reads through.
Needs atheris: Linux, Python 3.11 or later.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]
_LONGEST_INPUT = 8192
_HANGS = 20  # Seconds.
_MEGABYTES = 4096
_RUNS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_NEW = "FAULT"


def main() -> None:
    """Runs the chosen targets in processes of their own; ends with 1 if a fault was found."""
    import fuzz_targets

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", choices=fuzz_targets.TARGETS, help="only this one")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        fuzz(options.target, options.seconds)
        return
    names = [options.target] if options.target else list(fuzz_targets.TARGETS)
    faults = [fault for name in names for fault in _run(name, options.seconds)]
    print("\n".join(faults) or "No reader broke a promise.")
    sys.exit(bool(faults))


def _run(name: str, seconds: int) -> list[str]:
    """Fuzzes one target, prints a line on it, and returns its faults in words."""
    command = [sys.executable, __file__, f"--target={name}", f"--seconds={seconds}", "--child"]
    start = time.monotonic()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    faults = [line for line in done.stdout.splitlines() if line.startswith(_NEW)]
    if done.returncode:
        faults.append(f"{_NEW} {name}: ended with {done.returncode}:\n{done.stdout[-2000:]}")
    runs = _RUNS.search(done.stdout)
    count = f"{int(runs[1]):,} inputs" if runs else "no inputs"
    print(f"{name}: {count} in {time.monotonic() - start:.0f} s, {len(faults)} faults", flush=True)
    return faults


def fuzz(name: str, seconds: int) -> None:
    """Fuzzes one target in this process, and does not return."""
    import atheris

    with atheris.instrument_imports(include=["movinet", "yaml"]):
        import fuzz_targets
        import guarded
        import mutations
        import shrinking

        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
        (folder / "input").mkdir()
        reader = fuzz_targets.Reader(name, folder / "input")

    def fault(data: bytes) -> guarded.PromiseError | None:
        try:
            reader.accepts(data, memory=False)
        except guarded.PromiseError as broken:
            return broken
        return None

    known: set[str] = set()

    def run_one(data: bytes) -> None:
        found = fault(data)
        if found and found.place not in known:
            known.add(found.place)

            def same(shorter: bytes) -> bool:
                other = fault(shorter)
                return other is not None and other.place == found.place

            kept = fuzz_targets.keep(name, shrinking.shrink(data, same))
            print(f"{_NEW} {name}: {found.place}: {found} ({kept.name})", flush=True)

    words = folder / "words"
    words.write_text("".join(map(_quoted, mutations.WORDS)))
    grown = folder / "grown"
    grown.mkdir()
    arguments = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST_INPUT}",
        f"-timeout={_HANGS}",
        f"-rss_limit_mb={_MEGABYTES}",
        f"-dict={words}",
        f"-artifact_prefix={fuzz_targets.CORPUS / name}/found-",
        "-print_final_stats=1",
        str(grown),
        str(fuzz_targets.CORPUS / name),
    ]
    atheris.Setup([sys.argv[0], *arguments], run_one)
    atheris.Fuzz()


def _quoted(word: bytes) -> str:
    """A line of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02X}" for byte in word) + '"\n'


if __name__ == "__main__":
    main()
