import numpy as np
import pytest
from PIL import Image

from movinet import InputError
from movinet.data import preview, sample


def test_preview_has_a_row_a_class(tmp_path):
    sample.write_sample_dataset(
        tmp_path / "videos", clips_per_class={"train": 1, "val": 1, "test": 1}, workers=1
    )
    preview.write_preview(tmp_path / "videos" / "train", tmp_path / "preview.png")
    picture = np.asarray(Image.open(tmp_path / "preview.png").convert("RGB"))
    rows = np.array_split(picture[:, picture.shape[1] // 2 :], len(sample.MOTIONS))
    assert all(row.std() > 5 for row in rows)


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(InputError, match="no class folders"):
        preview.write_preview(tmp_path, tmp_path / "preview.png")
    assert not (tmp_path / "preview.png").exists()
