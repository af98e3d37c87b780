"""What lies in or beside the file of a model: its description and its labels."""

import pathlib
import zipfile

from movinet import model_info
from movinet.errors import InputError
from movinet.model_info import INFO_NAME, ModelInfo

_EXTRA_FOLDER = "assets.extra"


def read_attached_info(path: pathlib.Path) -> tuple[ModelInfo, str] | None:
    """Returns the description that came with a `.tflite` file, and where it was found.

    That is `movinet.json` in the zip archive at the end of the file, else `FILE.json` beside it
    (`model.json` for `model.tflite`), if that describes a model.

    Raises: InputError if there is one and it cannot be read.
    """
    text = _read_from_archive(path)
    if text is not None:
        where = f"{INFO_NAME} in {path}"
        return model_info.parse(text, where), where
    beside = path.with_suffix(".json")
    return (model_info.read(beside), str(beside)) if beside.is_file() else None


def read_folder_info(folder: pathlib.Path) -> tuple[ModelInfo, str] | None:
    """Returns the description in the folder of a SavedModel, and where it was found.

    Raises: InputError if there is one and it cannot be read.
    """
    for path in (folder / INFO_NAME, folder / _EXTRA_FOLDER / INFO_NAME):
        if path.is_file():
            return model_info.read(path), str(path)
    return None


def _read_from_archive(path: pathlib.Path) -> str | None:
    """Returns the text of `movinet.json`; None if there is no archive or nothing of that name.

    At most model_info.MAX_BYTES are unpacked, whatever the archive says of itself.
    """
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if INFO_NAME not in archive.namelist():
                return None
            with archive.open(INFO_NAME) as file:
                content = file.read(model_info.MAX_BYTES + 1)
    except Exception as error:  # Of a damaged archive zipfile and its decoders raise anything.
        raise InputError(f"The description in {path} is damaged ({error}).") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{INFO_NAME} in {path} is not text in UTF-8.") from error
