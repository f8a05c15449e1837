"""What it takes to write a prompt for a model, from its file's header: nothing is loaded.

`LocalModel` asks llama.cpp for the same once the model is open.
"""

from collections.abc import Sequence

from gpt4all_core.catalog.gguf_header import GGUFArray, GGUFHeader
from gpt4all_core.chat.template import SpecialTokens
from gpt4all_core.open_model import PromptFacts

_NORMAL = 1  # LLAMA_TOKEN_TYPE_NORMAL
_CONTROL = (2, 3)  # LLAMA_TOKEN_TYPE_UNKNOWN, which llama.cpp reads as it does control tokens, and _CONTROL
_ADDED = 4  # LLAMA_TOKEN_TYPE_USER_DEFINED
_TEMPLATE = "tokenizer.chat_template"


def prompt_facts(header: GGUFHeader, *, token_texts: Sequence[bytes] | None = None) -> PromptFacts:
    """Template and special tokens; of the file's own templates "tool_use" alone is known by its name.

    token_texts: the header's, where they were read already.
    """
    texts = header.token_texts() if token_texts is None else token_texts
    types = header.metadata.get("tokenizer.ggml.token_type")
    kinds = types.values() if isinstance(types, GGUFArray) else []

    def text(number: int | None) -> str:
        if number is None or not 0 <= number < len(texts):
            return ""
        return texts[number].decode("utf-8", "replace")

    unusual = [(number, kind) for number, kind in enumerate(kinds) if kind != _NORMAL]

    def texts_of(*wanted: int) -> frozenset[str]:
        return frozenset(text(number) for number, kind in unusual if kind in wanted) - {""}

    bos, eos = (header.number(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos"))
    special = SpecialTokens(text(bos), text(eos), texts_of(*_CONTROL), texts_of(_ADDED))
    for_tools = header.text(f"{_TEMPLATE}.tool_use")
    return PromptFacts(
        header.chat_template,
        special,
        bos,
        header.metadata.get("tokenizer.ggml.add_bos_token") is True,
        eos,
        {} if for_tools is None else {"tool_use": for_tools},
    )
