"""Decoding: every container, times, sizes, uprightness; and every way a file can be unusable."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from video_files import CODECS, grey_steps, noise, write_tone, write_video

from movinet.data.videos.video_files import VideoError, read_frames, reduced_size


def read(path, *args, **kwargs):
    frames, times = zip(*read_frames(path, *args, **kwargs), strict=True)
    return np.stack(frames), list(times)


def reason(path, **kwargs):
    with pytest.raises(VideoError) as caught:
        list(read_frames(path, **kwargs))
    assert str(path) in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("name", CODECS)
def test_every_container_gives_all_frames_in_order_with_their_times(tmp_path, name):
    written = grey_steps(30)
    frames, times = read(write_video(tmp_path / name, written))
    assert frames.shape == written.shape and frames.dtype == np.uint8
    levels = frames.mean((1, 2, 3))
    tolerance = 16 if name == "gif.gif" else 4  # A GIF of 256 fixed colours.
    np.testing.assert_allclose(levels, written.mean((1, 2, 3)), atol=tolerance)
    np.testing.assert_allclose(times, 100_000 * np.arange(30), atol=1000)
    if name != "gif.gif":
        assert (np.diff(levels) > 0).all()


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "h264.mkv"])
def test_variable_frame_times_are_kept(tmp_path, name):
    milliseconds = [0, 40, 80, 400, 410, 1000, 1500]
    path = write_video(tmp_path / name, grey_steps(7), times=milliseconds)
    np.testing.assert_allclose(read(path)[1], 1000 * np.array(milliseconds), atol=1000)


def test_times_start_at_zero(tmp_path):
    path = write_video(tmp_path / "late.mkv", grey_steps(3), times=[500, 600, 700], codec="ffv1")
    assert read(path)[1] == [0, 100_000, 200_000]


def test_backward_and_missing_times_become_increasing():
    from movinet.data.videos.video_files import _Clock

    class Stream:
        average_rate, guessed_rate = Fraction(10), None

    class Frame:
        time_base = Fraction(1, 1000)

        def __init__(self, pts):
            self.pts = pts

    clock = _Clock(Stream())
    times = [clock.time(Frame(pts)) for pts in (50, 150, 150, 20, None, 900)]
    assert times == [0, 100_000, 200_000, 300_000, 400_000, 850_000]


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [
        ((320, 240), 120, (160, 120)),
        ((240, 320), 120, (120, 160)),
        ((341, 256), 128, (170, 128)),
        ((320, 240), 240, (320, 240)),
        ((320, 240), 300, (320, 240)),
        ((320, 240), None, (320, 240)),
    ],
)
def test_short_side_is_reduced_and_never_enlarged(size, short_side, expected):
    assert reduced_size(*size, short_side) == expected


def test_frames_are_resized_like_area_averages(tmp_path):
    picture = np.zeros((1, 96, 128, 3), np.uint8)
    picture[:, :48, :64] = 255, 0, 0
    picture[:, 48:, 64:] = 0, 0, 255
    frames, _ = read(write_video(tmp_path / "ffv1.mkv", np.repeat(picture, 3, 0)), 24)
    assert frames.shape == (3, 24, 32, 3)
    averages = picture[0].reshape(24, 4, 32, 4, 3).mean((1, 3))
    difference = np.abs(frames[0] - averages).mean((1, 2))
    assert np.delete(difference, (11, 12)).mean() < 12


def test_rotation_in_the_metadata_is_honoured(tmp_path):
    picture = np.zeros((3, 48, 64, 3), np.uint8)
    picture[:, :16, :16] = 255  # A white corner, top left as stored.
    corners = {}
    for rotation in (0, 90, 180, 270):
        path = write_video(tmp_path / f"{rotation}.h264.mp4", picture, rotation=rotation)
        frames, _ = read(path)
        assert frames.shape[1:3] == ((48, 64) if rotation % 180 == 0 else (64, 48))
        brightest = np.unravel_index(frames[0].mean(-1).argmax(), frames.shape[1:3])
        corners[rotation] = tuple(place > 24 for place in brightest)
    # Counterclockwise: top left -> bottom left -> bottom right -> top right, as (low, right).
    assert corners == {0: (0, 0), 90: (1, 0), 180: (1, 1), 270: (0, 1)}


def test_rotation_written_by_a_phone_turns_clockwise(tmp_path):
    # The matrix of an upright iPhone video, by hand: QuickTime File Format, movie header atoms.
    picture = np.zeros((3, 48, 64, 3), np.uint8)
    picture[:, :16, :16] = 255
    path = write_video(tmp_path / "phone.h264.mov", picture)
    data = bytearray(path.read_bytes())
    identity = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    turned = np.array([0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30], ">i4").tobytes()
    at = data.index(identity, data.index(b"tkhd"))
    data[at : at + 36] = turned
    path.write_bytes(data)
    frames, _ = read(path)
    assert frames.shape[1:3] == (64, 48)
    assert frames[0, :12, -12:].mean() > 200 > 50 > frames[0, :12, :12].mean()


def test_wide_pixels_become_square(tmp_path):
    path = write_video(tmp_path / "wide.h264.mp4", grey_steps(2), pixel_aspect=Fraction(3, 2))
    assert read(path)[0].shape[1:3] == (48, 96)
    assert read(path, 24)[0].shape[1:3] == (24, 48)


def test_untouched_pixels_are_exact_in_a_lossless_file(tmp_path):
    written = grey_steps(5)
    frames, _ = read(write_video(tmp_path / "ffv1.mkv", written))
    assert np.abs(frames.astype(int) - written).max() <= 2
    assert np.abs(frames[1:].astype(int) - written[:-1]).max() > 2


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("fraction", [0.9, 0.6, 0.3])
def test_cut_files_are_named(tmp_path, name, fraction):
    options = {"movflags": "faststart"} if name.endswith(("mp4", "mov")) else None
    path = write_video(tmp_path / name, noise(40), options=options)
    assert len(read(path)[0]) == 40
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    assert "cut short" in reason(path) or "cannot be decoded" in reason(path)


def test_a_file_whose_index_is_missing_is_named(tmp_path):
    path = write_video(tmp_path / "h264.mp4", noise(10))
    path.write_bytes(path.read_bytes()[:-500])
    assert "cannot be decoded" in reason(path)


def test_a_damaged_middle_is_named(tmp_path):
    path = write_video(tmp_path / "h264.mp4", noise(40), options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 5000] = bytes(5000)  # Lengths of pictures among them.
    path.write_bytes(data)
    assert "damaged" in reason(path)


def test_files_that_are_no_video_are_named(tmp_path):
    (tmp_path / "empty.mp4").touch()
    assert "empty" in reason(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("no video\n" * 100)
    assert "cannot be decoded" in reason(tmp_path / "text.mp4")
    assert "does not exist" in reason(tmp_path / "nothing.mp4")
    assert "not a file" in reason(tmp_path)
    assert "no video stream" in reason(write_tone(tmp_path / "sound.mp4"))


def test_playlists_do_not_open_other_files(tmp_path):
    other = write_video(tmp_path / "h264.mp4", grey_steps(5))
    texts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{other.name}'\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        "image": "",
    }
    for kind, text in texts.items():
        path = tmp_path / f"{kind}.mp4"
        path.write_text(text)
        assert reason(path)
    assert "does not exist" in reason(f"concat:{other}")
    # The control: an unguarded reader follows the same list.
    import av

    with av.open(str(tmp_path / "concat.mp4"), format="concat") as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_limits(tmp_path):
    path = write_video(tmp_path / "h264.mp4", grey_steps(12))
    assert reason(path, max_frames=11) == "has more than 11 frames"
    assert "64x48" in reason(path, max_pixels=1000)
    assert len(read(path, max_frames=12, max_pixels=64 * 48)[0]) == 12
    times = [0, 40, 999_999_000]
    assert read(write_video(tmp_path / "h264.mkv", grey_steps(3), times=times))[1][-1] == 999_999e6
    times[-1] += 2000
    path = write_video(tmp_path / "h264.mkv", grey_steps(3), times=times)
    assert reason(path) == "lasts longer than 1,000,000 seconds"
    (tmp_path / "link.mp4").symlink_to("link.mp4")
    assert "does not exist" in reason(tmp_path / "link.mp4")
    assert reason(tmp_path / f"{'x' * 300}.mp4") == "cannot be read (File name too long)"


def test_decoding_does_not_load_tensorflow():
    program = (
        "import sys, movinet.data.sample, movinet.data.videos.clips; "
        "import movinet.data.sources.layouts, movinet.data.building.build; "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
