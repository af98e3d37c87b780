"""A few videos in class folders, and the dataset built of them."""

import pytest
from dataset_builds import build
from video_files import write_class_folders


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_class_folders(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def dataset(videos, tmp_path_factory):
    output = tmp_path_factory.mktemp("built") / "dataset"
    build(videos, output)
    return output
