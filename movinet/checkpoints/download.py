"""Downloading published archives, when asked to: resumed where it broke off, and checked."""

import contextlib
import http.client
import os
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from movinet import files
from movinet.data import checksums
from movinet.errors import InputError

VERSIONS = (1, 2, 3)
_KAGGLE = (
    "https://www.kaggle.com/api/v1/models/google/movinet/tensorFlow2/"
    "{model}-{mode}-kinetics-600-classification/{version}/download"
)
_HUB = (
    "https://tfhub.dev/tensorflow/movinet/{model}/{mode}/kinetics-600/classification/{version}"
    "?tf-hub-format=compressed"
)
_PUBLISHED = [f"a{size}_{mode}" for size in range(6) for mode in ("base", "stream")]
_LOCAL = ("localhost", "127.0.0.1", "::1")
_MOST_BYTES = 2 << 30
_SECONDS = 60.0  # Without a byte.
_BLOCK = 1 << 16
_RANGE_REFUSED, _PARTIAL = 416, 206


def address(preset: str, version: int = 3, *, hub: bool = False) -> str:
    """Returns where the archive with the SavedModel of a published variant is.

    Args: hub: for the address of TensorFlow Hub, which leads to that of Kaggle.
    Raises: InputError if none was published.
    """
    if preset not in _PUBLISHED:
        raise InputError(
            f"No SavedModel of {preset!r} was published; there are {', '.join(_PUBLISHED)}."
        )
    if version not in VERSIONS:
        raise InputError(f"No version {version} was published, only 1 to {VERSIONS[-1]}.")
    model, mode = preset.split("_")
    return (_HUB if hub else _KAGGLE).format(model=model, mode=mode, version=version)


def archive_name(preset: str, version: int = 3) -> str:
    """Returns the name for such an archive: the addresses end in none."""
    return f"movinet_{preset}_v{version}.tar.gz"


def fetch(
    url: str,
    folder: str | os.PathLike[str],
    sha256: str = "",
    *,
    name: str = "",
    say: Callable[[str], None] = lambda words: None,
) -> pathlib.Path:
    """Downloads a file of at most 2 GiB and returns its path.

    `NAME.part` holds what has come; a second call goes on from there if the server says that its
    file is still the same. A file that is there already is not downloaded again.

    Args:
      url: https, or http on this machine.
      folder: is made if it is not there.
      sha256: that the file must have, in hex; '' for any.
      name: of the file; '' for what the address ends in.
      say: is told the sum that was found.

    Raises: InputError if the address, the connection, the size or the sum is not right.
    """
    _check_address(url)
    name = name or pathlib.PurePosixPath(urllib.parse.urlsplit(url).path).name
    if not name or name != pathlib.PurePath(name).name or name.startswith("."):
        raise InputError(f"{url} does not end in the name of a file: give one.")
    target = pathlib.Path(folder) / name
    part = target.with_name(f"{name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            _download(url, part)
            _check_sum(part, url, sha256, say)
            files.flush(part)
            os.replace(part, target)
            _tag_file(part).unlink(missing_ok=True)
        else:
            _check_sum(target, url, sha256, say)
    except InputError:
        raise
    except urllib.error.HTTPError as error:
        raise InputError(f"{url} answers {error.code} {error.reason}.") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"{url} cannot be downloaded ({reason or type(error).__name__}); what has come stays "
            f"in {part}, and the same command goes on from there."
        ) from error
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}.") from error
    return target


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirection to an address that would not be taken itself."""

    def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:
        """Returns the next request. Raises InputError."""
        _check_address(arguments[-1])
        return super().redirect_request(*arguments)


def _check_address(url: str) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise InputError(f"{url!r} is not an address ({error}).") from error
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)):
        raise InputError(f"{url!r} is refused: it must begin with https://.")


def _download(url: str, part: pathlib.Path) -> None:
    """Fills `part`, from where it ends if the server's file is still that one."""
    have = part.stat().st_size if part.exists() else 0
    tag = _tag_file(part).read_text() if have and _tag_file(part).exists() else ""
    headers = {"User-Agent": "movinet", "Accept-Encoding": "identity"}
    if tag:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    opener = urllib.request.build_opener(_Redirects)
    try:
        # Only of https or this machine: the address was checked.
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        response = opener.open(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != _RANGE_REFUSED or not tag:
            raise
        part.unlink()  # It is longer than the file is now.
        _download(url, part)
        return
    with contextlib.closing(response):
        start = _start(response, have)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        if total is not None and total > _MOST_BYTES:
            raise _too_large(url)
        if not start:
            files.write_text(_tag_file(part), _tag(response))
        with open(part, "r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            _copy(response, file, total, url)
            ended = file.tell()
    if total is not None and ended < total:
        raise InputError(
            f"{url} ended after {ended:,} of {total:,} bytes; they stay in {part}, and the same "
            "command goes on from there."
        )


def _copy(response: Any, file: Any, total: int | None, url: str) -> None:
    with tqdm(
        total=total,
        initial=file.tell(),
        unit="B",
        unit_scale=True,
        disable=not sys.stderr.isatty(),
        leave=False,
    ) as bar:
        while block := response.read(_BLOCK):
            if file.tell() + len(block) > _MOST_BYTES:
                raise _too_large(url)
            file.write(block)
            bar.update(len(block))


def _too_large(url: str) -> InputError:
    return InputError(f"{url} is refused: it is larger than {_MOST_BYTES >> 30} GiB.")


def _start(response: Any, have: int) -> int:
    """Where in the file the answer begins: at its start if the server knows no ranges."""
    asked = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    return have if response.status == _PARTIAL and asked else 0


def _tag(response: Any) -> str:
    """What tells one state of the server's file from another; '' if nothing does."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _tag_file(part: pathlib.Path) -> pathlib.Path:
    return part.with_name(f"{part.name}.tag")


def _check_sum(path: pathlib.Path, url: str, expected: str, say: Callable[[str], None]) -> None:
    """Raises InputError if the file has another sum; what was downloaded for it goes."""
    found = checksums.sha256(path)
    say(f"{path.name.removesuffix('.part')} has the SHA-256 {found}")
    if expected and found != expected.lower():
        if path.suffix == ".part":
            path.unlink()
        raise InputError(
            f"{path.name.removesuffix('.part')} from {url} has the SHA-256 {found} instead of "
            f"{expected}: it is not what was meant."
        )
