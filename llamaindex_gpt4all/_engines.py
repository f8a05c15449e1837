"""LlamaIndex's engines over passages of your folders, within the model's window."""

from collections.abc import Sequence

from llama_index.core import Settings
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import CondensePlusContextChatEngine
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.indices.prompt_helper import PromptHelper
from llama_index.core.llms.llm import LLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.utils import get_tokenizer

from llamaindex_gpt4all._room import PassagesThatFit, Room

_REFINING_TOKENS = 500
"""What the synthesizer of LlamaIndex's chat engines keeps free to refine an answer in. Passages that
reach into it would be split over two prompts."""


def make_query_engine(
    retriever: BaseRetriever,
    *,
    llm: LLM | None,
    streaming: bool,
    node_postprocessors: Sequence[BaseNodePostprocessor],
) -> BaseQueryEngine:
    """See `LocalDocsRetriever.as_query_engine`."""
    llm = llm or Settings.llm
    room = Room.of(llm)
    helper = PromptHelper(context_window=room.window, num_output=room.answer_tokens, tokenizer=room.tokenizer)
    # One prompt with all that fits; the other modes keep 500 tokens free to refine an answer in, and on a
    # small window ask two and more times.
    synthesizer = get_response_synthesizer(
        llm=llm,
        prompt_helper=helper,
        response_mode=ResponseMode.SIMPLE_SUMMARIZE,
        streaming=streaming,
    )
    return RetrieverQueryEngine(
        retriever,
        synthesizer,
        [*node_postprocessors, PassagesThatFit(budget_tokens=room.tokens, tokenizer=room.tokenizer)],
    )


def make_chat_engine(
    retriever: BaseRetriever,
    *,
    llm: LLM | None,
    system_prompt: str | None,
    chat_history: Sequence[ChatMessage],
    skip_condense: bool,
    node_postprocessors: Sequence[BaseNodePostprocessor],
) -> BaseChatEngine:
    """See `LocalDocsRetriever.as_chat_engine`."""
    llm = llm or Settings.llm
    room = Room.of(llm, around_tokens=_REFINING_TOKENS, system_prompt=system_prompt or "")

    def tokens_of(text: str) -> list[int]:
        # The synthesizer counts with a tokenizer of its own, and splits what it finds too long.
        return max(room.tokenizer(text), get_tokenizer()(text), key=len)

    # LlamaIndex's own memories take the whole window but 256 tokens, and leave the passages none.
    memory = ChatMemoryBuffer.from_defaults(
        list(chat_history), token_limit=room.tokens // 2, tokenizer_fn=tokens_of
    )
    fitting = PassagesThatFit(budget_tokens=room.tokens - room.tokens // 2, tokenizer=tokens_of)
    return CondensePlusContextChatEngine.from_defaults(
        retriever,
        llm=llm,
        memory=memory,
        system_prompt=system_prompt,
        skip_condense=skip_condense,
        node_postprocessors=[*node_postprocessors, fitting],
    )
