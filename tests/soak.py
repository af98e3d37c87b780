"""Kills trainings and builds of datasets again and again, and compares their ends with those of
others that were left alone.

`make soak`, or `python3 tests/soak.py --kills=200 --build_kills=100`: SIGKILL at random moments of
`train.py`, the newest checkpoint damaged after every fifth, and of `build_dataset`. Ends with 0 if
not one bit differs.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS / "survival"), str(TESTS), str(TESTS.parent)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of the training (default 200)")
    parser.add_argument("--build_kills", type=int, default=100, help="of builds (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movinet_soak_") as folder:
        soak(pathlib.Path(folder), options.kills, options.seed)
        from killed_builds import soak_builds

        counts = soak_builds(options.build_kills, pathlib.Path(folder) / "builds", options.seed)
        print("Builds:", ", ".join(f"{name} {count}" for name, count in counts.items()))


def soak(folder, kills, seed):
    """Kills and compares; an AssertionError says what differs."""
    import killed_runs
    from colour_dataset import write_colour_dataset
    from fork_server import ForkServer
    from run_comparison import differences

    (folder / "colours").mkdir()
    dataset = write_colour_dataset(folder / "colours")
    begin, ends = time.monotonic(), 0
    with ForkServer(folder) as server:
        code, output = server.run(*killed_runs.command(dataset, folder / "undisturbed"))
        assert code == 0, output
        run = folder / "run"
        killer = killed_runs.Killer(server, killed_runs.command(dataset, run), run, seed)
        ended = False
        while killer.kills < kills or not ended:
            ended = killer.live_once()
            if ended:
                found = differences(run, folder / "undisturbed")
                assert found == [], found
                ends += 1
                shutil.rmtree(run)
                killer.begin_anew()
            elif killer.kills % 5 == 0:
                killer.damage_newest()
            seconds = time.monotonic() - begin
            left = seconds / max(killer.kills, 1) * max(kills - killer.kills, 0)
            print(
                f"{killer.kills} of {kills} kills, {ends} runs ended bit-equal, "
                f"{seconds:.0f} s, {left:.0f} s left",
                flush=True,
            )
    print(
        f"{killer.kills} kills and {killer.damages} damaged checkpoints in {ends} runs: every end "
        f"state equal to the last bit; at most {killer.redone} steps taken again after a kill "
        f"(a checkpoint every {killed_runs.CHECKPOINT_INTERVAL})."
    )


if __name__ == "__main__":
    main()
