"""Remove what an index has on a vector server and needs no more."""

import logging

from gpt4all_core.errors import VectorServerError
from gpt4all_localdocs.vector_index.server import VectorServer

_logger = logging.getLogger(__name__)


def sweep_collections(server: VectorServer, prefix: str, *, keep: str) -> None:
    """Remove the collections whose names begin with `prefix`, but for `keep`.

    One that stays, because the server does not answer, is removed the next time.
    """
    try:
        for name in server.names(prefix):
            if name != keep:
                server.drop(name)
    except VectorServerError as error:
        _logger.info("an old collection stays until it is swept the next time: %s", error)
