"""Files that one process at a time may hold."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator


@contextlib.contextmanager
def held(path: str | os.PathLike[str]) -> Iterator[int]:
    """Yields the descriptor of a file that is made if need be and held by this process alone.

    The lock is the system's own: it ends with this process, however that ends. No link is followed
    and no pipe waited for, since the folder may come from somebody else.

    Raises: BlockingIOError if another process holds it; OSError if it cannot be had.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, f"{os.fspath(path)} is no file")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)
