"""How a dataset comes to stand under its final names: all of it at once, after surviving any kill.

Publishing moves the shards out of the staging folder, and writes the manifest last: a folder
without a manifest is no dataset. Whatever the moment of a kill, building again finishes it, and
leaves nothing else behind.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Mapping

from movinet.data.building import manifest as manifests
from movinet.data.building.manifest import LABELS_NAME, MANIFEST_NAME, Manifest
from movinet.data.building.staging import SHARD_NAME, STAGING_NAME, Staging, hold
from movinet.errors import InputError
from movinet.files import flush, write_text


def holds(output: pathlib.Path, fingerprint: str) -> bool:
    """Returns whether `output` holds exactly the dataset of a fingerprint, as far as sizes tell."""
    try:
        manifest = manifests.load(output)
        for split in manifest.splits:
            manifests.verify(output, split)
    except InputError:
        return False
    return manifest.settings.get("fingerprint") == fingerprint


def tidy(output: pathlib.Path) -> None:
    """Removes what a kill has left beside a complete dataset; shards of another build stay."""
    if not any(output.glob(f"{STAGING_NAME}*")):
        return
    with contextlib.suppress(InputError), hold(output):  # Another build, or a read-only disk.
        if not any((output / STAGING_NAME).glob("*.tfrecord")):
            shutil.rmtree(output / STAGING_NAME, ignore_errors=True)


def check_free(output: pathlib.Path, overwrite: bool) -> None:
    """Raises InputError if building would replace a dataset and `overwrite` does not allow it."""
    if os.path.exists(output) and not output.is_dir():
        raise InputError(f"{output} is a file: give a folder for the dataset.")
    interrupted = (output / STAGING_NAME).is_dir()
    shards = any(output.glob("*.tfrecord")) and not interrupted
    if not overwrite and ((output / MANIFEST_NAME).exists() or shards):
        raise InputError(
            f"{output} holds a dataset of other videos or settings, or a damaged one: choose "
            "another folder, or replace it with --overwrite."
        )


def publish(
    staging: Staging, output: pathlib.Path, manifest: Manifest, names: Mapping[str, str]
) -> None:
    """Moves the shards, by their keys, to their final names, and writes labels and manifest.

    Raises:
        InputError: a file cannot be moved or written; building again goes on from there.
    """
    staging.announce_moves(names)
    try:
        for name in (LABELS_NAME, MANIFEST_NAME):
            for half_written in output.glob(f".{name}.*.part"):
                half_written.unlink()
        (output / MANIFEST_NAME).unlink(missing_ok=True)
        for path in output.glob("*.tfrecord"):
            if SHARD_NAME.fullmatch(path.name):
                path.unlink()
        for key, name in names.items():
            os.replace(staging.shard(key), output / name)
        write_text(output / LABELS_NAME, "".join(f"{label}\n" for label in manifest.labels))
        flush(output)  # The manifest must not outlive a power cut that the shards do not.
        write_text(output / MANIFEST_NAME, manifest.to_json())
    except OSError as error:
        raise InputError(f"Cannot write to {output}: {error.strerror or error}.") from error
    shutil.rmtree(staging.folder, ignore_errors=True)
