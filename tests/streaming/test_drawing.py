"""Pictures and videos of predictions: they can be read, and show what they should."""

import dataclasses
import pathlib

import av
import numpy as np
import pytest
from PIL import Image
from video_files import noise, write_video

from movinet import InputError
from movinet.data.videos.video_files import read_frames
from movinet.model_info import ModelInfo, Preprocessing
from movinet.streaming import Timeline, drawing, plot_style

LABELS = ("carving_ice", "swimming", "a class whose name is far too long to fit", "d", "e", "f")
INFO = ModelInfo("a0_stream", 6, Preprocessing(8, 8, 8, fps=5.0), LABELS, causal=True)
BLUE = np.array([0x00, 0x72, 0xB2])


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "noise.h264.mp4", noise(20, 48, 64))


def timeline(video, length=10, streamed=True):
    rising = np.linspace(0.05, 0.9, length)
    others = np.outer(1 - rising, [0.5, 0.2, 0.15, 0.1, 0.05])
    rows = np.column_stack([rising, others]).astype(np.float32)
    return Timeline(np.arange(length) / 5, rows, INFO, pathlib.Path(video), streamed)


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return np.stack(frames), float(container.duration / 1e6)


def blue_pixels(picture):
    return int((np.abs(picture.astype(int) - BLUE).max(axis=-1) < 12).sum())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fps": 12.5}, "12.5 frames per second"),
        ({"temporal_stride": 3}, "one frame in 3"),
        ({}, "every frame"),
        ({"sampling": "segments", "num_frames": 50}, "50 frames of the whole video"),
    ],
    ids=str,
)
def test_a_picture_says_which_frames_were_seen(video, changes, words):
    info = dataclasses.replace(INFO, preprocessing=Preprocessing(8, 8, 8, **changes))
    figure = plot_style.new_figure(dataclasses.replace(timeline(video), info=info))
    assert figure.texts[0].get_text().endswith(f"   {words}")


@pytest.mark.parametrize(
    ("length", "streamed"), [(10, True), (3, False), (1, False), (1, True)], ids=str
)
def test_png(tmp_path, video, length, streamed):
    path = tmp_path / "plot.png"
    drawing.draw_timeline(path, timeline(video, length, streamed))
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (1080, 1920, 3)
    assert (pixels[:5] == 255).all() and (pixels[:, -5:] == 255).all()
    assert blue_pixels(pixels) > 3_000
    # The frames of the video are noise: many colours, where the strip is.
    strip = pixels[240:430, 200:1200].reshape(-1, 3)
    assert len(np.unique(strip, axis=0)) > 1_000
    assert list(tmp_path.iterdir()) == [path]


def test_mp4_plays_the_video_and_the_bar_grows(tmp_path, video):
    path = tmp_path / "plot.mp4"
    drawing.draw_timeline(path, timeline(video))
    frames, seconds = read(path)
    assert frames.shape[1:] == (720, 1280, 3)
    assert 3.0 < seconds < 3.6  # 1.8 seconds, and the last picture for 1.5.
    shown = [frames[index][120:380, 100:500].astype(int) for index in (5, 25)]
    assert np.abs(shown[0] - shown[1]).mean() > 10
    assert blue_pixels(frames[-1]) > blue_pixels(frames[12]) + 2_000
    assert list(tmp_path.iterdir()) == [path]


def test_gif_has_the_colours_of_the_plot(tmp_path, video):
    path = tmp_path / "plot.gif"
    drawing.draw_timeline(path, timeline(video))
    with Image.open(path) as image:
        assert image.size == (960, 540) and image.n_frames == 19
        times = []
        for index in range(image.n_frames):
            image.seek(index)
            times.append(image.info["duration"])
        last = np.asarray(image.convert("RGB"))
    assert times[:3] == [100, 100, 100] and times[-1] == 1500
    assert (last[:5] == 255).all()
    assert (last == BLUE).all(axis=-1).sum() > 3_000


def test_a_long_gif_has_a_lower_rate(tmp_path, video, monkeypatch):
    from movinet.streaming import animation

    monkeypatch.setattr(animation, "_MOST_GIF_FRAMES", 5)
    drawing.draw_timeline(tmp_path / "plot.gif", timeline(video))
    with Image.open(tmp_path / "plot.gif") as image:
        assert image.n_frames == 6


def test_what_cannot_be_drawn_leaves_nothing(tmp_path, video):
    with pytest.raises(InputError, match=r"\.png, \.gif, \.mp4"):
        drawing.draw_timeline(tmp_path / "plot.jpg", timeline(video))
    for suffix in (".png", ".gif", ".mp4"):
        with pytest.raises(InputError, match="does not exist"):
            drawing.draw_timeline(tmp_path / f"plot{suffix}", timeline(tmp_path / "gone.mp4"))
        assert list(tmp_path.iterdir()) == []
        folder = tmp_path / f"folder{suffix}"
        folder.mkdir()
        with pytest.raises(InputError, match="Cannot write"):
            drawing.draw_timeline(folder, timeline(video))
        folder.rmdir()


def test_names_are_apart_and_inside():
    for ends in ([0.96, 0.01, 0.01, 0.0, 0.0], [1.0] * 5, [0.5, 0.49, 0.48], [0.2], []):
        placed = plot_style.spread(ends, gap=0.125, lowest=0.03, highest=1.0)
        gaps = -np.diff(placed[np.argsort(-np.asarray(ends), kind="stable")])
        assert (gaps > 0.1249).all()
        assert all(0.0299 < place <= 1.0 for place in placed)
    np.testing.assert_allclose(plot_style.spread([0.1, 0.9, 0.5], 0.1, 0, 1), [0.1, 0.9, 0.5])


def test_words():
    assert plot_style.words("carving_ice") == "carving ice"
    assert plot_style.words(LABELS[2]) == "a class whose name is f…"
    assert plot_style.percent(0.984) == "98 %"


def test_the_video_is_only_read(video):
    before = video.read_bytes()
    assert len(list(read_frames(video))) == 20 and video.read_bytes() == before
