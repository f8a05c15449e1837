"""Questions that are asked of documents in one way: what chains and engines of frameworks are made of."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol, get_args

from gpt4all_core.errors import ConfigError
from gpt4all_core.off_loop import off_loop
from gpt4all_core.protocols import ChatModel, Embedder
from gpt4all_core.types import Message
from gpt4all_localdocs.answer import AskOptions, Library, answer_question
from gpt4all_localdocs.answer_stream import AnswerStream
from gpt4all_localdocs.filter_sql import compile_filter
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.types import Answer, AnswerMode, Citation, Hit, SearchMode


class AskableDocs(Protocol):
    """What answers need of `gpt4all_localdocs.LocalDocs`; its methods are called from any thread."""

    @property
    def model(self) -> ChatModel:
        """What answers."""

    @property
    def embedder(self) -> Embedder:
        """What the passages' vectors are made by."""

    def search(
        self, query: str, *, k: int, mode: SearchMode, where: Where | None, refine: Refine | None = None
    ) -> list[Hit]:
        """Passages, best first."""

    def document_of(self, hit: Hit, *, most: int | None = None) -> list[Hit]:
        """All passages of the hit's document in order; none where they are more than `most`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentQuestions:
    """How questions are searched for and answered.

    k, mode, where, refine: as for `LocalDocs.search`; k=None for what `LocalDocs.stream` takes by
    itself.
    answer_mode: the `mode` of `LocalDocs.ask`. verify, least_evidence, spans: as there.
    For any threads and event loops. Raises ConfigError for impossible options.
    """

    docs: AskableDocs
    k: int | None = None
    mode: SearchMode = "hybrid"
    where: Where | None = None
    refine: Refine | None = None
    answer_mode: AnswerMode | None = None
    verify: bool = False
    least_evidence: float | None = None
    spans: int = 1

    def __post_init__(self) -> None:
        # Not of the object: that would open its model.
        if not all(hasattr(type(self.docs), name) for name in ("search", "document_of", "model")):
            raise ConfigError(f"docs={self.docs!r} cannot be asked; give a gpt4all_localdocs.LocalDocs")
        if self.mode not in get_args(SearchMode):
            raise ConfigError(f"mode={self.mode!r} is unknown; use one of {', '.join(get_args(SearchMode))}")
        if self.answer_mode is not None and self.answer_mode not in get_args(AnswerMode):
            known = ", ".join(get_args(AnswerMode))
            raise ConfigError(f"answer_mode={self.answer_mode!r} is unknown; use one of {known}")
        if not isinstance(self.refine, Refine | None):
            raise ConfigError(f"refine={self.refine!r} cannot be used; give a gpt4all_localdocs.Refine")
        if self.refine is not None:
            self.refine.check_mode(self.mode)
        compile_filter(self.where)
        self._options(())

    def ask(self, question: str, history: Sequence[Message] = ()) -> AnswerStream:
        """The answer in the making. Blocks while models are loaded and passages are searched for.

        Raises what `LocalDocs.stream` and `LocalDocs.search` raise.
        """
        docs = self.docs
        library = Library(docs.model, docs.embedder, self._search, self._document)
        return answer_question(library, question, self._options(history))

    async def aask(self, question: str, history: Sequence[Message] = ()) -> AnswerStream:
        """The same for an event loop; an answer that nobody takes any more is cancelled."""
        return await off_loop(
            partial(self.ask, question, history), lane=id(self.docs), undo=AnswerStream.cancel
        )

    def _search(self, query: str, wanted: int) -> list[Hit]:
        return self.docs.search(query, k=wanted, mode=self.mode, where=self.where, refine=self.refine)

    def _document(self, hit: Hit, most: int) -> list[Hit]:
        return self.docs.document_of(hit, most=most)

    def _options(self, history: Sequence[Message]) -> AskOptions:
        return AskOptions(
            k=self.k,
            mode=self.answer_mode,
            where=self.where,
            history=tuple(history),
            verify=self.verify,
            least_evidence=self.least_evidence,
            spans=self.spans,
        )


def cited_passages(answer: Answer) -> list[Hit]:
    """What each citation of an answer quotes, in their order, as a passage with the quote's own place.

    Its `chunk_id` is that of the passage that it stands in, where that was among those that were found.
    """
    return [_cited(citation, answer.hits) for citation in answer.citations]


def claim_records(answer: Answer) -> list[dict[str, Any]] | None:
    """An answer's claims as frameworks keep them in metadata, which have to become JSON; None for none."""
    return None if answer.claims is None else [asdict(claim) for claim in answer.claims]


def _cited(citation: Citation, hits: Sequence[Hit]) -> Hit:
    start, end = citation.span
    of_document = [hit for hit in hits if (hit.path, hit.text_id) == (citation.path, citation.text_id)]
    around = next((hit for hit in of_document if hit.span[0] <= start and end <= hit.span[1]), None)
    found = around or Hit(
        citation.path,
        citation.quote,
        citation.score,
        citation.page,
        citation.lines,
        citation.span,
        text_id=citation.text_id,
        metadata=of_document[0].metadata if of_document else {},
        part=citation.part,
    )
    return replace(found, text=citation.quote, span=citation.span, lines=citation.lines, score=citation.score)
