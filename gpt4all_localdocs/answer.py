"""Answer a question from passages: quoted by a model too small to be trusted, written by others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, get_args

from gpt4all_core.errors import ConfigError, NothingIndexed
from gpt4all_core.protocols import ChatModel, Embedder
from gpt4all_core.types import AS_THE_MODEL_LIKES, GenerationParams, Message, Reasoning
from gpt4all_localdocs.answer_stream import AnswerRequest, AnswerStream, RefusedAnswer
from gpt4all_localdocs.check_arguments import check_count, check_kind, check_share, check_words
from gpt4all_localdocs.evidence import LEAST_EVIDENCE, weigh_evidence
from gpt4all_localdocs.follow_up import stand_alone
from gpt4all_localdocs.narrow import rank_sentences
from gpt4all_localdocs.pack import pack_documents, pack_hits, recent_turns
from gpt4all_localdocs.quote import start_quoted
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.source_text import SOURCES_IF_ANY, SOURCES_ONLY, fence_source
from gpt4all_localdocs.types import AnswerMode, Hit
from gpt4all_localdocs.verify import verify_claims
from gpt4all_localdocs.write import start_written

QUOTE_PASSAGES: Final = 3
WRITE_PASSAGES: Final = 6
DEMONSTRATION_SOURCES: Final = 1
"""Passages that a demonstration model writes from where nobody asks for a `k`: it cannot choose among
several, nor in a whole document. Of the starter model's answers .34 held the right words with one passage
(100 questions of SQuAD 2.0), .10 with two or six (20 of them)."""

_QUOTE_TOKENS: Final = 48
"""A span to answer with; a longer one is a passage, which the citation shows anyway."""

WRITE_TOKENS: Final = 512
"""Of a written answer, where nothing else is asked for; and what is kept free for one without a limit."""

_WHOLE_SHARE: Final = 0.5
"""Of the room for sources, what whole documents may fill. All of it would leave no history its place."""

_HISTORY_SHARE: Final = 0.25
_TEMPLATE_TOKENS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """How a question is to be answered; the fields are those of `LocalDocs.ask`, and of programs around it:

    instructions: what the model is told behind the rules for sources: a language, a tone. A quotation is as
    it stands in its document, so that instructions for one are refused.
    reasoning: how much a model that thinks may think before a written answer.
    """

    k: int | None = None
    mode: AnswerMode | None = None
    where: Where | None = None
    history: tuple[Message, ...] = ()
    verify: bool = False
    least_evidence: float | None = None
    spans: int = 1
    params: GenerationParams | None = None
    instructions: str = ""
    reasoning: Reasoning = AS_THE_MODEL_LIKES

    def __post_init__(self) -> None:
        if self.mode is not None and self.mode not in get_args(AnswerMode):
            raise ConfigError(f"mode={self.mode!r} is unknown; use one of {', '.join(get_args(AnswerMode))}")
        if self.k is not None:
            check_count("k", self.k)
        if self.least_evidence is not None:
            check_share("least_evidence", self.least_evidence)
        check_count("spans", self.spans)
        check_kind("verify", self.verify, bool)
        if self.params is not None:
            check_kind("params", self.params, GenerationParams)

    @property
    def least(self) -> float:
        """Below how much evidence an answer is refused, or a chat goes on without sources."""
        if self.least_evidence is not None:
            return self.least_evidence
        return LEAST_EVIDENCE if self.mode in ("strict", "chat") else 0.0

    def mode_for(self, model: ChatModel) -> AnswerMode:
        """What was asked for; else what the model can be trusted with."""
        return self.mode or ("quote" if model.is_demonstration else "free")

    def is_quoted_by(self, model: ChatModel) -> bool:
        """Whether this model answers with words of a document, and nothing else."""
        mode = self.mode_for(model)
        return mode == "quote" or (mode == "strict" and model.is_demonstration)


@dataclass(frozen=True, slots=True)
class Library:
    """What answers are made of. search: passages for a question, `k` of them; document: all passages of the
    document that a hit is of, in order, or nothing where they are more than `most`.
    """

    model: ChatModel
    embedder: Embedder
    search: Callable[[str, int], list[Hit]]
    document: Callable[[Hit, int], Sequence[Hit]]


def answer_question(library: Library, question: str, options: AskOptions) -> AnswerStream:
    """Search, choose what the model is given, and ask it; returns before there is an answer.

    Raises NothingIndexed where there is nothing to answer from, but in chats, which go on without, and for
    strict answers, which are refused.
    """
    check_words("question", question)
    mode = options.mode_for(library.model)
    is_quoted = options.is_quoted_by(library.model)
    if is_quoted and options.instructions:
        raise ConfigError("instructions change no quotation; leave them out, or ask in another mode")
    asked = stand_alone(question, options.history)
    default_k = QUOTE_PASSAGES if is_quoted or library.model.is_demonstration else WRITE_PASSAGES
    hits = tuple(library.search(asked, default_k if options.k is None else options.k))
    if not hits and mode in ("quote", "free"):
        raise NothingIndexed(
            "the index holds nothing to answer from"
            + (
                "; sync a folder or put texts first"
                if options.where is None
                else " that the filter lets through"
            )
        )
    needs_sentences = is_quoted or options.least > 0
    sentences = rank_sentences(hits, asked, library.embedder) if needs_sentences else ()
    request = AnswerRequest(
        question,
        (),
        hits,
        mode,
        options.params or answer_params(is_quoted=is_quoted),
        evidence=weigh_evidence(sentences) if needs_sentences else None,
        verify=partial(verify_claims, embedder=library.embedder) if options.verify else None,
        instructions=options.instructions,
        reasoning=options.reasoning,
    )
    is_enough = bool(hits) and (request.evidence is None or request.evidence >= options.least)
    if not is_enough and mode != "chat":
        return RefusedAnswer(request)
    if is_quoted:
        sources = tuple(sentence.hit for sentence in sentences[: options.spans])
        return start_quoted(library.model, replace(request, question=asked, sources=sources))
    request = replace(request, history=_kept_history(library.model, options.history))
    if not is_enough:
        return start_written(library.model, request)
    if library.model.is_demonstration and options.k is None:
        best = hits[:DEMONSTRATION_SOURCES]
        return start_written(library.model, replace(request, hits=best, sources=best))
    return start_written(library.model, _with_sources(library, request))


def answer_params(*, is_quoted: bool) -> GenerationParams:
    """Greedy: an answer from documents should be the same each time it is asked for."""
    return GenerationParams(temperature=0, max_tokens=_QUOTE_TOKENS if is_quoted else WRITE_TOKENS)


def _with_sources(library: Library, request: AnswerRequest) -> AnswerRequest:
    """The request with what it is answered from: whole documents where they fit, passages otherwise."""
    model = library.model
    budget = model.context_size - (request.params.max_tokens or WRITE_TOKENS) - _overhead(model, request)

    def tokens_of(hit: Hit) -> int:
        return model.count_tokens(fence_source(len(request.hits), hit))

    whole = _whole_documents(
        library, request.hits, budget_tokens=int(budget * _WHOLE_SHARE), tokens_of=tokens_of
    )
    if whole:
        return replace(request, sources=whole)
    packed = pack_hits(request.hits, budget_tokens=budget, tokens_of=tokens_of)
    return replace(request, sources=packed, hits=packed)


def _whole_documents(
    library: Library, hits: Sequence[Hit], *, budget_tokens: int, tokens_of: Callable[[Hit], int]
) -> tuple[Hit, ...]:
    documents: dict[tuple[str, str], Sequence[Hit]] = {}
    for hit in hits:
        key = (str(hit.path), hit.text_id)
        if key not in documents:
            passages = library.document(hit, max(budget_tokens // 16, 1))
            if not passages:
                return ()
            documents[key] = passages
    return pack_documents(list(documents.values()), budget_tokens=budget_tokens, tokens_of=tokens_of)


def _kept_history(model: ChatModel, history: Sequence[Message]) -> tuple[Message, ...]:
    budget = int(model.context_size * _HISTORY_SHARE)
    return recent_turns(history, budget_tokens=budget, count_tokens=model.count_tokens)


def _overhead(model: ChatModel, request: AnswerRequest) -> int:
    """Tokens of the prompt besides the sources, with room for the model's template."""
    system = SOURCES_IF_ANY if request.mode == "chat" else SOURCES_ONLY
    texts = [system, request.instructions, request.question, *(turn.text for turn in request.history)]
    return sum(model.count_tokens(text) + 8 for text in texts) + _TEMPLATE_TOKENS
