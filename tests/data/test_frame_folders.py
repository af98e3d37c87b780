"""Folders of frames: what is stored of them, their times, and every way they can be unusable."""

import io
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from frame_files import write_frames
from PIL import Image
from video_files import grey_steps, noise, write_video

from movinet.data.sources.splits import FrameFolder, SourceClip
from movinet.data.videos.clips import EncodingSettings, encode_clip, read_clip_frames
from movinet.data.videos.video_files import VideoError

SETTINGS = EncodingSettings(short_side=48)


def clip_of(folder, count, template="img_{:05}.jpg", rate=10.0, root=None):
    frames = FrameFolder(template, count, rate, (root or folder.parent).resolve())
    return SourceClip(folder, folder.name, "run", "train", frames)


def decode(jpegs):
    return np.stack([np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs])


def reason(clip, settings=SETTINGS):
    with pytest.raises(VideoError) as caught:
        encode_clip(clip, settings)
    assert str(clip.path) in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("first", [0, 1])
def test_frames_in_order_with_their_times(tmp_path, first):
    written = grey_steps(5)
    write_frames(tmp_path / "a", written, first=first)
    frames, times = zip(*read_clip_frames(clip_of(tmp_path / "a", 5, rate=30.0)), strict=True)
    np.testing.assert_allclose(np.mean(frames, (1, 2, 3)), written.mean((1, 2, 3)), atol=2)
    assert times == (0, 33_333, 66_667, 100_000, 133_333)
    assert encode_clip(clip_of(tmp_path / "a", 3), SETTINGS).timestamps == (0, 100_000, 200_000)


def test_jpegs_of_the_right_size_keep_their_bytes(tmp_path):
    files = write_frames(tmp_path / "a", noise(3), quality=95, subsampling="4:4:4")
    encoded = encode_clip(clip_of(tmp_path / "a", 3), SETTINGS)
    assert encoded.frames == tuple(files)
    assert (encoded.height, encoded.width) == (48, 64)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("progressive", {"progressive": True}, (48, 64, 3)),
        ("grey", {}, (48, 64)),
        ("large", {}, (96, 128, 3)),
        ("turned", {"exif": True}, (48, 64, 3)),
    ],
)
def test_other_jpegs_are_encoded_again(tmp_path, name, options, shape):
    if options.get("exif"):
        exif = Image.Exif()
        exif[0x0112] = 6  # Turned by a quarter.
        options = {"exif": exif}
    picture = np.zeros((2, *shape), np.uint8)
    picture[:, : shape[0] // 2] = 200
    files = write_frames(tmp_path / name, picture, quality=95, **options)
    encoded = encode_clip(clip_of(tmp_path / name, 2), SETTINGS)
    assert not set(files) & set(encoded.frames)
    expected = picture[..., None].repeat(3, -1) if picture.ndim == 3 else picture
    if name == "large":
        expected = expected[:, ::2, ::2]
    if name == "turned":
        expected = np.rot90(expected, -1, (1, 2))
    assert (encoded.height, encoded.width) == expected.shape[1:3]
    stored = decode(encoded.frames).astype(int)
    assert np.abs(stored - expected).mean() < 4
    assert np.abs(stored - expected[:, ::-1, ::-1]).mean() > 100


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "1"])
def test_png(tmp_path, mode):
    (tmp_path / "a").mkdir()
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24] = 255
    Image.fromarray(picture).convert(mode).save(tmp_path / "a/frame7.png")
    clip = clip_of(tmp_path / "a", 1, template="frame7.png")
    stored = decode(encode_clip(clip, SETTINGS).frames)
    assert stored.shape == (1, 48, 64, 3)
    assert np.abs(stored[0].astype(int) - picture).mean() < 4


def test_all_frames_get_the_size_of_the_first(tmp_path):
    write_frames(tmp_path / "a", grey_steps(1, 96, 192))
    (large,) = write_frames(tmp_path / "a", grey_steps(1, 30, 40), first=2)
    encoded = encode_clip(clip_of(tmp_path / "a", 2), SETTINGS)
    assert decode(encoded.frames).shape == (2, 48, 96, 3)
    assert large not in encoded.frames
    for frame, _ in read_clip_frames(clip_of(tmp_path / "a", 2)):
        assert frame.shape == (96, 192, 3) and frame.dtype == np.uint8


def test_a_frame_folder_is_stored_like_the_video_it_came_from(tmp_path):
    pictures = noise(4, 96, 128)
    video = SourceClip(write_video(tmp_path / "ffv1.mkv", pictures), "a", "run")
    shown = np.stack([frame for frame, _ in read_clip_frames(video)])
    write_frames(tmp_path / "a", shown, "{:04d}.png", first=0)
    folder = clip_of(tmp_path / "a", 4, "{:04d}.png")
    of_video, of_folder = (encode_clip(clip, SETTINGS) for clip in (video, folder))
    assert of_video.timestamps == of_folder.timestamps
    one, other = decode(of_video.frames).astype(int), decode(of_folder.frames).astype(int)
    assert np.abs(one - other).mean() < 0.5 * np.abs(one - np.roll(other, 1, 0)).mean()


def test_unusable_frames_are_named(tmp_path):
    folder = tmp_path / "a"
    write_frames(folder, noise(4))
    assert reason(clip_of(folder, 5)) == "img_00005.jpg, frame 5 of 5, is missing"
    assert reason(clip_of(tmp_path / "b", 5)) == "does not exist or is not a folder of frames"
    short = EncodingSettings(max_frames=3)
    assert reason(clip_of(folder, 4), short) == "has more than 3 frames"
    third = folder / "img_00003.jpg"
    third.write_bytes(third.read_bytes()[:-600])
    assert "img_00003.jpg cannot be decoded" in reason(clip_of(folder, 4))
    third.write_bytes(b"")
    assert reason(clip_of(folder, 4)) == "img_00003.jpg is neither JPEG nor PNG"
    assert len(encode_clip(clip_of(folder, 2), SETTINGS).frames) == 2
    third.unlink()
    third.mkdir()
    assert reason(clip_of(folder, 4)) == "img_00003.jpg, frame 3 of 4, is missing"
    third.rmdir()
    Image.new("RGB", (8, 8)).save(third, "GIF")
    assert reason(clip_of(folder, 4)) == "img_00003.jpg is neither JPEG nor PNG"
    Image.new("1", (9000, 9000)).save(third, "PNG")
    assert "9000x9000, more than 35,389,440 pixels" in reason(clip_of(folder, 4))
    Image.new("1", (20_000, 300)).save(third, "PNG")
    assert "20000x300, with a side above 16,384" in reason(clip_of(folder, 4))
    long = folder.with_name("long" * 70)
    assert reason(clip_of(long, 4)) == "does not exist or is not a folder of frames"


def test_links_out_of_the_dataset_are_refused(tmp_path):
    secret = tmp_path / "secret"
    write_frames(secret, noise(1))
    data = tmp_path / "data"
    write_frames(data / "a", noise(2))
    link = data / "a/img_00003.jpg"
    link.symlink_to(data / "a/img_00001.jpg")
    assert len(encode_clip(clip_of(data / "a", 3, root=data), SETTINGS).frames) == 3
    link.unlink()
    link.symlink_to(secret / "img_00001.jpg")
    assert "img_00003.jpg is a link out" in reason(clip_of(data / "a", 3, root=data))
    (data / "b").symlink_to(secret)
    assert "is a link out" in reason(clip_of(data / "b", 1, root=data))


def test_finding_sources_loads_no_pictures():
    program = (
        "import sys, movinet.data.sources.layouts, movinet.data.sources.source_flags; "
        "assert not {'tensorflow', 'PIL'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_frames_written_by_ffmpeg_keep_their_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(noise(1)[0], format="rgb24").reformat(format="yuvj420p")
    data = b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
    (tmp_path / "a/img_00001.jpg").write_bytes(data)
    assert encode_clip(clip_of(tmp_path / "a", 1), SETTINGS).frames == (data,)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-2],
        lambda data: data + b"more",
        lambda data: data[:-1] + b"\0",
        lambda data: data[:-40] + b"\xff\xec" + data[-38:],
    ],
)
def test_jpegs_that_only_some_decoders_bear_are_encoded_again(tmp_path, damage):
    (written,) = write_frames(tmp_path / "a", noise(1))
    clip = clip_of(tmp_path / "a", 1)
    assert encode_clip(clip, SETTINGS).frames == (written,)
    damaged = damage(written)
    (tmp_path / "a/img_00001.jpg").write_bytes(damaged)
    try:
        (stored,) = encode_clip(clip, SETTINGS).frames
    except VideoError:  # As well: which of them Pillow reads depends on its version.
        return
    assert stored != damaged and stored.endswith(b"\xff\xd9")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_whatever_is_damaged_nothing_but_a_video_error_comes_of_it(tmp_path, kind):
    generator = np.random.default_rng(0)
    (written,) = write_frames(tmp_path / "a", noise(1, 16, 16), format=kind)
    outcomes = set()
    for _ in range(300):
        data = bytearray(written)
        for place in generator.integers(len(data), size=3):
            data[place] = generator.integers(256)
        (tmp_path / "a/img_00001.jpg").write_bytes(data[: generator.integers(1, 2 * len(data))])
        try:
            outcomes.add(len(encode_clip(clip_of(tmp_path / "a", 1), SETTINGS).frames))
        except VideoError:
            outcomes.add("error")
    assert "error" in outcomes
