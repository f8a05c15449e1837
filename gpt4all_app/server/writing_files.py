"""What clients are told where the server cannot keep what they send."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from gpt4all_app.server.errors import RequestRefused

logger = logging.getLogger(__name__)


@contextmanager
def writing_files() -> Iterator[None]:
    """Have a full disk, and one that may not be written to, be what clients are told of."""
    try:
        yield
    except OSError as error:
        logger.warning("uploads cannot be kept: %s", error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = "the server's disk is full; delete something first"
            raise RequestRefused(507, message, "disk_full") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            message = "the server may not write where it keeps uploads; its log says where"
            raise RequestRefused(500, message, "uploads_unwritable") from error
        raise
