"""Whether llama.cpp can read and use a file's vocabulary.

It takes for granted that tokens differ, that a text can be spelled in them, and that the special ones
exist; where that is not so, it fails an assertion or throws an exception out of its C functions, and
both end the process. The rules are those of src/llama-vocab.cpp.
"""

from collections.abc import Iterator, Sequence

from gpt4all_core.catalog.gguf_header import GGUFArray, GGUFHeader

LONGEST_CHAT_TEMPLATE = 256 * 1024  # characters; real ones stay below 32 K

_BYTE_TOKEN = 6  # LLAMA_TOKEN_TYPE_BYTE
_SHORTEST_BYTE_TOKEN = 3  # characters; the byte is read from behind them
_BYTE_PAIRS = ("gpt2", "gemma4", "hybriddna", "whitespace")

# The tokens that begin, end and separate texts where the file does not name them.
_DEFAULT_IDS: dict[str, dict[str, int]] = {
    "llama": {"bos": 1, "eos": 2},
    "bert": {"bos": 101, "seperator": 102},
    "gpt2": {"bos": 11, "eos": 11},
    "hybriddna": {"bos": 11, "eos": 11},
    "whitespace": {"bos": 11, "eos": 11},
    "t5": {"eos": 1},
    "plamo2": {"bos": 1, "eos": 2},
    "gemma4": {},
    "rwkv": {},
}


def vocabulary_faults(header: GGUFHeader, token_texts: Sequence[bytes] | None = None) -> Iterator[str]:
    """What is wrong with the vocabulary and the chat template, most fundamental first.

    token_texts: the header's, where they were read already.
    """
    model = header.text("tokenizer.ggml.model")
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, GGUFArray) or not tokens.count:
        yield "has no vocabulary (tokenizer.ggml.tokens)"
    elif tokens.element_type != "STRING":
        yield f"tokenizer.ggml.tokens is a list of {tokens.element_type}; it must be of STRING"
    elif model not in _DEFAULT_IDS:
        yield f"tokenizer.ggml.model is {model!r}; known are {', '.join(sorted(_DEFAULT_IDS))}"
    elif model == "rwkv" and not (header.architecture or "").startswith("rwkv"):
        # A text that its tokens cannot spell is tried for ever.
        yield f"tokenizer.ggml.model is 'rwkv' in a model of the architecture {header.architecture!r}"
    else:
        yield from _list_faults(header, tokens)
        yield from _special_token_faults(header, model, tokens.count)
        yield from _text_faults(header, model, header.token_texts() if token_texts is None else token_texts)
    if len(header.chat_template or "") > LONGEST_CHAT_TEMPLATE:
        yield (
            f"its chat template has {len(header.chat_template or '')} characters,"
            f" more than {LONGEST_CHAT_TEMPLATE}; it is not taken on trust"
        )


def _list_faults(header: GGUFHeader, tokens: GGUFArray) -> Iterator[str]:
    for name, types in (
        ("scores", ("FLOAT32", "INT32")),
        ("token_type", ("INT32",)),
        ("merges", ("STRING",)),
    ):
        array = header.metadata.get(f"tokenizer.ggml.{name}")
        if array is None:
            continue
        if not isinstance(array, GGUFArray) or array.element_type not in types:
            found = array.element_type if isinstance(array, GGUFArray) else repr(array)
            yield f"tokenizer.ggml.{name} is of type {found}; it must be a list of {' or '.join(types)}"
        elif name != "merges" and array.count < tokens.count:
            yield f"tokenizer.ggml.{name} has {array.count} elements for {tokens.count} tokens"
    for tensor in header.tensors:
        if tensor.name == "token_embd.weight" and tensor.shape[1:] != (tokens.count,):
            rows = tensor.shape[1] if len(tensor.shape) > 1 else 0
            yield f"has {tokens.count} tokens but token embeddings for {rows}"


def _special_token_faults(header: GGUFHeader, model: str, count: int) -> Iterator[str]:
    """Tokens that llama.cpp will add to a text and does not find."""
    needed = ["bos", "seperator"] if model == "bert" else []
    adds_bos = header.metadata.get("tokenizer.ggml.add_bos_token")
    # Where the file is silent, the kind of byte pairs decides; all of them have such a token.
    if model in ("llama", *_BYTE_PAIRS) and (adds_bos is not False or model == "gemma4"):
        needed.append("bos")
    if adds_bos is True:
        needed.append("bos")
    if header.metadata.get("tokenizer.ggml.add_eos_token", model == "t5") is True:
        needed.append("eos")
    for name in dict.fromkeys(needed):
        named = header.number(f"tokenizer.ggml.{name}_token_id")
        token = named if named is not None and 0 <= named < count else _DEFAULT_IDS[model].get(name)
        if token is None or token >= count:
            yield f"tokenizer.ggml.{name}_token_id is {named}, which is none of its {count} tokens"


def _text_faults(header: GGUFHeader, model: str, texts: Sequence[bytes]) -> Iterator[str]:
    known = set(texts)
    if b"" in known:
        texts = [text or b"[EMPTY_%d]" % index for index, text in enumerate(texts)]
        known = set(texts)
    if len(known) < len(texts):
        places: dict[bytes, int] = {}
        first, second, text = next(
            (places[text], index, text)
            for index, text in enumerate(texts)
            if places.setdefault(text, index) != index
        )
        yield f"its tokens {first} and {second} are both {text[:40].decode('utf-8', 'replace')!r}"
    if model == "llama":
        missing = [byte for byte in range(256) if not {b"<0x%02X>" % byte, bytes([byte])} & known]
        if missing:
            # Any text with a character that no token spells would end the process.
            yield f"has no token for the byte {missing[0]:#04x}, so there are texts that it cannot read"
    types = header.metadata.get("tokenizer.ggml.token_type")
    if isinstance(types, GGUFArray) and types.element_type == "INT32":
        kinds = types.values()
        for text, kind in zip(texts, kinds, strict=False) if _BYTE_TOKEN in kinds else ():
            if kind == _BYTE_TOKEN and (model == "bert" or len(text) < _SHORTEST_BYTE_TOKEN):
                yield f"its token {text.decode('utf-8', 'replace')!r} is said to be a byte, and is none"
                return
