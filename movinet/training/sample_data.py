"""The embedded sample data as a dataset on disk, made when the sample experiment finds none."""

import pathlib
import time

from official.core import config_definitions

from movinet.data import preview, sample
from movinet.data.building import build
from movinet.data.sources import source
from movinet.training.experiments import SAMPLE_DATASET, SAMPLE_VIDEOS


def make_if_missing(config: config_definitions.ExperimentConfig) -> None:
    """Draws the sample videos and builds their dataset if `config` reads it and it is not there."""
    wanted = (config.task.train_data.input_path, config.task.validation_data.input_path)
    dataset = pathlib.Path(SAMPLE_DATASET)
    if SAMPLE_DATASET not in wanted or (dataset / "manifest.json").exists():
        return
    videos = pathlib.Path(SAMPLE_VIDEOS)
    start = time.monotonic()
    print(f"Drawing the sample videos in {videos} and building the dataset {dataset}.", flush=True)
    clips = sample.write_sample_dataset(videos)
    build.build_dataset(source.find_source(videos), dataset)
    picture = videos.parent / "preview.png"
    preview.write_preview(videos / "train", picture)
    print(f"{clips} clips of {len(sample.MOTIONS)} motions in {time.monotonic() - start:.0f} s.")
    print(f"Preview: {picture}", flush=True)
