"""The key by which a conversation asks the server's documents."""

from pydantic import ConfigDict, Field

from gpt4all_app.server.requests import TolerantRequest
from gpt4all_localdocs.types import AnswerMode


class LocalDocsFacts(TolerantRequest):
    """That documents are to answer, and which. Not a key of OpenAI's.

    Keys that it does not know are refused: a collection that is misspelt away would have all others asked.
    """

    model_config = ConfigDict(extra="forbid")

    collections: list[str] = Field(default_factory=list)
    """Where to look; the whole index without them."""

    k: int | None = Field(default=None, ge=1, le=100)
    """Passages to look into: 3 to quote from and 6 to write from, if nothing is said."""

    answer_mode: AnswerMode | None = None
    """quote: words of a document and nothing else. free: written from sources. strict: refused where the
    documents do not seem to answer. chat: without sources then. Without it as the model can be trusted."""

    min_score: float | None = Field(default=None, ge=-1, le=1)
    """Least cosine of a passage to the question; 0.35 leaves out what is about something else."""
