"""What can be asked of folders and texts: the half of the facade that needs a chat model."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_core.protocols import ChatModel, Embedder, Vectors
from gpt4all_core.types import GenerationParams, Message
from gpt4all_localdocs.answer import AskOptions, Library, answer_question
from gpt4all_localdocs.answer_stream import AnswerStream
from gpt4all_localdocs.check_arguments import as_list
from gpt4all_localdocs.compare import Comparison, compare_passages
from gpt4all_localdocs.evidence import LEAST_EVIDENCE
from gpt4all_localdocs.extract import Extraction, Model, extract
from gpt4all_localdocs.pack import without_overlap
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.summarise import DEFAULT_BUDGET, DEFAULT_LENGTH, Summary, summarise
from gpt4all_localdocs.types import Answer, AnswerMode, Hit


class DocumentAnswers(ABC):
    """Questions to documents that can be searched; `LocalDocs` has the search."""

    @property
    @abstractmethod
    def model(self) -> ChatModel:
        """The chat model in use."""

    @property
    @abstractmethod
    def embedder(self) -> Embedder:
        """The embedder in use."""

    @abstractmethod
    def search(self, query: str, *, k: int = 8, where: Where | None = None) -> list[Hit]:
        """Up to `k` passages, best first."""

    @abstractmethod
    def document_of(self, hit: Hit, *, most: int | None = None) -> list[Hit]:
        """All passages of the hit's document in order; none where they are more than `most`."""

    @abstractmethod
    def document_at(self, path: str | Path) -> list[Hit]:
        """All passages of a file of the index, or of a text by its id, in order; none where it has none."""

    @abstractmethod
    def vectors_of(self, hits: Sequence[Hit]) -> Vectors:
        """float32, shape (len(hits), dimensions), of passages of the index."""

    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        mode: AnswerMode | None = None,
        where: Where | None = None,
        history: Sequence[Message] = (),
        verify: bool = False,
        least_evidence: float | None = None,
        spans: int = 1,
        params: GenerationParams | None = None,
    ) -> Answer:
        """Answer a question from the documents, with citations. See `stream`."""
        return self.stream(
            question,
            k=k,
            mode=mode,
            where=where,
            history=history,
            verify=verify,
            least_evidence=least_evidence,
            spans=spans,
            params=params,
        ).result()

    def stream(
        self,
        question: str,
        *,
        k: int | None = None,
        mode: AnswerMode | None = None,
        where: Where | None = None,
        history: Sequence[Message] = (),
        verify: bool = False,
        least_evidence: float | None = None,
        spans: int = 1,
        params: GenerationParams | None = None,
    ) -> AnswerStream:
        """The same, as it is written: iterate the text, then ask for the result.

        mode: "quote" answers with words of a document and nothing else, copied from one of the sentences
        nearest to the question, the default for demonstration models; "free", the default for others, lets
        the model write from numbered sources; "strict" does what these do, but refuses where the documents
        do not seem to answer, as `Answer.is_refused` tells; "chat" talks without sources then. k: passages
        to look into, default 3 to quote from and 6 to write from; those that the context has no room for are
        left out, documents short enough are given whole. A demonstration model writes from the best passage
        alone, unless `k` is given. where: as for `search`.
        history: what was said before, oldest first. A question that leans on it ("And in winter?") is
        searched for together with the user's questions that it leans on.
        verify: compare each sentence of a written answer with the sources it names, see `Answer.claims`.
        least_evidence: refuse below this, 0 to 1; default 0.45 in "strict" and "chat", else 0.
        spans: from how many sentences to quote, all at once, before the likeliest is chosen; `Answer.quotes`
        has them all.
        params: how to generate; default greedy.
        Raises ConfigError for impossible options, LocalDocsError in "quote" and "free" when the index holds
        nothing to answer from.
        """
        options = AskOptions(
            k=k,
            mode=mode,
            where=where,
            history=tuple(as_list("history", history, kind=Message)),
            verify=verify,
            least_evidence=least_evidence,
            spans=spans,
            params=params,
        )
        library = Library(
            self.model,
            self.embedder,
            lambda query, wanted: self.search(query, k=wanted, where=where),
            lambda hit, most: self.document_of(hit, most=most),
        )
        return answer_question(library, question, options)

    def summarise(
        self, *paths: str | Path, budget_tokens: int = DEFAULT_BUDGET, max_tokens: int = DEFAULT_LENGTH
    ) -> Summary:
        """What files, or texts by their ids, say as a whole; `Summary.share` tells how much of them was read.

        Parts are summarised and then their summaries, so that documents may be longer than the context.
        budget_tokens: most tokens of documents that are read; of longer ones passages spread evenly are.
        max_tokens: most tokens of a summary, of a part's too.
        Raises LocalDocsError where a path is not in the index, ConfigError without one.
        """
        if not paths:
            raise ConfigError("there is nothing to summarise; give at least one path or id")
        pieces = [piece for path in paths for piece in without_overlap(self._passages_at(path))]
        return summarise(self.model, pieces, budget_tokens=budget_tokens, max_tokens=max_tokens)

    def compare(self, left: str | Path, right: str | Path) -> Comparison:
        """What two files, or texts by their ids, have in common, say in other words, and say alone.

        No model is asked: passages are paired by their words and vectors, so that nothing is made up.
        Raises LocalDocsError where one of them is not in the index.
        """
        first, second = self._passages_at(left), self._passages_at(right)
        return compare_passages(first, second, self.vectors_of(first), self.vectors_of(second))

    def extract(
        self, schema: type[Model], *, where: Where | None = None, least_evidence: float = LEAST_EVIDENCE
    ) -> Extraction[Model]:
        """An object of a Pydantic class with what the documents say, each field quoted from one place.

        Every field is asked for by its description, or its name, in quote mode. where: as for `search`.
        least_evidence: fields with less are missing, not guessed; 0 to 1.
        Raises ConfigError for fields that are objects or lists, LocalDocsError for an empty index.
        """
        return extract(
            schema,
            ask=lambda question: self.ask(
                question, mode="quote", where=where, spans=3, least_evidence=least_evidence
            ),
        )

    def _passages_at(self, path: str | Path) -> list[Hit]:
        passages = self.document_at(path)
        if not passages:
            raise LocalDocsError(f"the index has no passage of {str(path)!r}; sync, or check the path")
        return passages
