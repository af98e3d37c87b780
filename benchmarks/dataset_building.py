r"""Building a large dataset: killed again and again, with broken videos, by different workers.

    python3 benchmarks/dataset_building.py --update=docs/large_datasets.md

First --clips short videos, of which --bad_fraction are broken in several ways, are built twice: by
processes of one tool, undisturbed, and by Beam's DirectRunner with another number of workers, whose
whole process group is killed --kills times at random moments and started again. Both must hold the
same bytes, and leave out the broken videos and nothing else. Then --kinetics_clips videos like
those of Kinetics (10 s, 340x256, 25 frames/s, h264) are built both ways, for the rate, and for what
follows from it for Kinetics-600. The rate is that of the middle of the build: neither the start of
the workers nor the end counts, which are nothing beside 392,000 clips.
"""

import os
import pathlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from benchmarks import dataset_videos, machine, marked_lines, watched_build
from movinet import cli
from movinet.data.building import manifest as manifests
from movinet.data.building.manifest import Manifest
from movinet.data.building.workers import available_cores
from movinet.errors import VerificationError

_CLIPS = flags.DEFINE_integer("clips", 10_000, "Short videos.", lower_bound=1)
_BAD = flags.DEFINE_float("bad_fraction", 0.03, "Part of them that is broken.", 0.0, 0.9)
_KILLS = flags.DEFINE_integer("kills", 5, "Kills of the process group.", lower_bound=0)
_PAUSE = flags.DEFINE_float(
    "longest_pause", 1.0, "Seconds between a shard becoming complete and a kill, at most."
)
_SHARDS = flags.DEFINE_integer("shards", 0, "Shards per split; 0 as the tool chooses.")
_WORKERS = flags.DEFINE_integer("workers", 0, "Workers of Beam; 0 for one per core.")
_KINETICS = flags.DEFINE_integer("kinetics_clips", 64, "Videos like those of Kinetics; 0 for none.")
_CORES = flags.DEFINE_integer("machine_cores", 32, "Cores of a machine in the projection.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the moments of the kills.")
_UPDATE = flags.DEFINE_string("update", None, "Document whose figures are replaced (.md).")

KINETICS_600 = 392_000
MACHINES = {1: "one machine", 100: "100 machines"}
NAME = "dataset building"


def main() -> None:
    """Builds, verifies, prints and writes."""
    if _UPDATE.value:  # What cannot be read is said before minutes of building.
        marked_lines.replaced(pathlib.Path(_UPDATE.value), NAME, [])
    workers = _WORKERS.value or available_cores()
    with tempfile.TemporaryDirectory() as folder:
        lines = [*small(pathlib.Path(folder), workers), ""]
    with tempfile.TemporaryDirectory() as folder:
        if _KINETICS.value:
            lines += [*kinetics(pathlib.Path(folder), workers), ""]
    system = machine.describe()
    lines += [f"Measured on {system['cores']} cores of {system['processor']}."]
    print("\n".join(lines))
    if _UPDATE.value:
        marked_lines.update(_UPDATE.value, NAME, lines)


def small(folder: pathlib.Path, workers: int) -> Iterator[str]:
    """Builds the short videos both ways, and yields the lines of what was found."""
    videos = folder / "videos"
    videos.mkdir()
    broken = dataset_videos.write_small_videos(videos, _CLIPS.value, _BAD.value)
    settings = [f"--input={videos}", f"--shards={_SHARDS.value}"]
    settings.append(f"--max_bad_fraction={min(1, _BAD.value + 0.01)}")
    planning = seconds_to_plan(videos)
    local = watched_build.run([*settings, f"--workers={workers + 1}"], folder / "local")
    reference = manifests.load(folder / "local")
    shards = sum(len(split.shards) for split in reference.splits.values())
    settings += ["--runner=DirectRunner", f"--workers={workers}"]
    chance = random.Random(_SEED.value)
    runs = [
        watched_build.run(settings, folder / "beam", moment, chance.uniform(0, _PAUSE.value))
        for moment in moments(shards, chance)
    ]
    runs.append(watched_build.run(settings, folder / "beam"))
    if sum(run.killed for run in runs) < _KILLS.value:
        raise VerificationError("The build ended before it could be killed: take more --clips.")
    found = verify(folder / "beam", reference, broken)
    done = [run.progress[-1][1] if run.progress else 0 for run in runs[:-1]]
    yield f"- {_CLIPS.value} short videos, {len(broken)} of them broken in 7 ways."
    yield (
        f"- Beam's DirectRunner with {workers} workers, started {len(runs)} times, killed after "
        f"{', '.join(map(str, done)) or 'no'} clips: "
        f"{sum(run.seconds for run in runs):.0f} s in all."
    )
    yield (
        f"- {sum(split.clips for split in found.splits.values())} clips written, "
        f"{len(found.skipped)} left out with reasons: together those put in, and the latter "
        "exactly the broken ones."
    )
    yield (
        f"- The SHA-256 of all {shards} shards are those of an undisturbed build by "
        f"{workers + 1} processes without Beam ({local.seconds:.0f} s, "
        f"{local.rate(workers + 1):.0f} clips/s)."
    )
    yield (
        f"- Memory at the peak: {max(run.memory for run in runs) / 1e9:.1f} GB with Beam, "
        f"{local.memory / 1e9:.1f} GB without."
    )
    yield (
        f"- Finding and planning {_CLIPS.value} videos takes {planning:.1f} s of one core: "
        f"{duration(planning / _CLIPS.value * KINETICS_600)} for Kinetics-600."
    )


def moments(shards: int, chance: random.Random) -> list[int]:
    """Returns how many shards are complete when a build is killed, for each kill."""
    # Less than the last part is left, so that no kill comes too late.
    return sorted(chance.randint(1, max(1, shards * 2 // 3)) for _ in range(_KILLS.value))


def seconds_to_plan(videos: pathlib.Path) -> float:
    """Times what the leading process does alone."""
    from movinet.data.building.planning import BuildSettings, plan_shards
    from movinet.data.sources.source import find_source

    start = time.process_time()
    plan_shards(find_source(videos), BuildSettings())
    return time.process_time() - start


def verify(output: pathlib.Path, reference: Manifest, broken: set[str]) -> Manifest:
    """Returns the manifest of a build that holds all that it should.

    Raises:
        VerificationError: bytes differ, or other videos than the broken ones were left out.
    """
    found = manifests.load(output)
    for split in found.splits:
        manifests.verify(output, split, checksums=True)
    if found.splits != reference.splits:
        raise VerificationError("The build that was killed differs from the other one.")
    if (left_out := {video.path for video in found.skipped}) != broken:
        wrong = sorted(left_out ^ broken)
        raise VerificationError(f"{len(wrong)} videos were wrongly left out or in: {wrong[:5]}.")
    written = sum(split.clips for split in found.splits.values())
    if written + len(found.skipped) != _CLIPS.value:
        raise VerificationError(f"{written} written and {len(found.skipped)} left out.")
    return found


def kinetics(folder: pathlib.Path, workers: int) -> Iterator[str]:
    """Times videos like those of Kinetics both ways, and yields the lines of a table."""
    videos = folder / "videos"
    videos.mkdir()
    dataset_videos.write_kinetics_videos(videos, _KINETICS.value)
    settings = [f"--input={videos}", f"--workers={workers}"]
    settings += [f"--shards={_KINETICS.value // 2}"]
    settings += ["--validation_fraction=0", "--test_fraction=0"]
    local = watched_build.run(settings, folder / "local")
    beam = watched_build.run([*settings, "--runner=DirectRunner"], folder / "beam")
    size = sum(path.stat().st_size for path in videos.rglob("*.mp4")) / _KINETICS.value
    shards = manifests.load(folder / "beam").splits["train"].shards
    stored = sum(shard.bytes for shard in shards) / _KINETICS.value
    ends = "".join(f" Kinetics-600 on {machines} |" for machines in MACHINES.values())
    yield f"| 10 s, 340x256, {workers} workers | clips/s | a core | memory |{ends}"
    yield "|" + "---|" * (4 + len(MACHINES))
    for name, build in (("processes", local), ("DirectRunner", beam)):
        rate = build.rate(workers) / min(workers, available_cores())
        cells = [f"{build.rate(workers):.2f}", f"{rate:.2f}", f"{build.memory / 1e9:.1f} GB"]
        cells += [duration(KINETICS_600 / (rate * _CORES.value * count)) for count in MACHINES]
        yield f"| {name} | {' | '.join(cells)} |"
    many = max(MACHINES)
    every = rate * _CORES.value * many
    yield ""
    yield (
        f"A machine is taken to have {_CORES.value} such cores. A clip is {size / 1e3:.0f} kB of "
        f"h264 and {stored / 1e6:.1f} MB of JPEG: {stored * KINETICS_600 / 1e12:.1f} TB in all, "
        f"and {many} machines read {every * size / 1e9:.1f} and write "
        f"{every * stored / 1e9:.1f} GB/s, which the shared file system must bear."
    )


def duration(seconds: float) -> str:
    """Returns a time in hours, minutes or seconds."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    cli.run(main)
