"""What classes of other packages call an argument, and what to do about it here.

Taken from the constructors of LangChain's ChatOllama, ChatLlamaCpp, LlamaCpp, GPT4All and their embeddings,
of LlamaIndex's Ollama, LlamaCPP and HuggingFaceEmbedding, of OpenAI's clients, and from llama.cpp's own
options; docs/migrating_langchain.md and docs/migrating_llamaindex.md have them as tables.
"""

import difflib
from collections.abc import Sequence

_OTHER_NAMES = {
    "model_path": "model",
    "n_ctx": "context_size",
    "num_ctx": "context_size",
    "context_window": "context_size",
    "n_predict": "max_tokens",
    "num_predict": "max_tokens",
    "max_new_tokens": "max_tokens",
    "n_threads": "threads",
    "num_thread": "threads",
    "n_gpu_layers": "gpu_layers",
    "num_gpu": "gpu_layers",
    "keep_alive": "idle_ttl_s",
    "request_timeout": "timeout",
    "temp": "temperature",
    "typical": "typical_p",
    "typ_p": "typical_p",
    "repetition_penalty": "repeat_penalty",
    "penalty_last_n": "repeat_last_n",
    "last_n_tokens_size": "repeat_last_n",
    "dry_penalty_last_n": "dry_last_n",
    "dry_sequence_breaker": "dry_sequence_breakers",
    "mirostat_mode": "mirostat",
    "mirostat_ent": "mirostat_tau",
    "mirostat_lr": "mirostat_eta",
    "random_seed": "seed",
    "stop_sequences": "stop",
    "f16_kv": "kv_type",
    "lora_path": "adapters",
    "model_url": "model",
    "thinking": "reasoning",
    "query_instruction": "query_prefix",
    "text_instruction": "document_prefix",
}
"""What classes for OpenAI, llama.cpp and Ollama call an argument, and what it is called here."""

_NO_ARGUMENTS = {
    "memory_budget": "set GPT4ALL_MEMORY_BUDGET, or memory_budget in config.toml, for the whole process",
    "n_batch": "leave it out, the engine chooses the size of its batches",
    "tfs_z": "leave it out, llama.cpp has dropped tail-free sampling; min_p cuts the tail off, too",
    "penalize_nl": "leave it out, line ends are penalised as other tokens are; logit_bias can raise theirs",
    "adapters": "leave it out, only chat models compute with LoRA files",
    "lora_path": "leave it out, only chat models compute with LoRA files",
    "lora_base": "leave it out, a LoRA file is computed with beside the model's own weights",
    "logprobs": "leave it out, only chat models tell log-probabilities",
    "format": "ask for structured output instead, which holds the answer to a JSON schema",
    "grammar": "ask for structured output instead, which holds the answer to a JSON schema",
    "grammar_path": "ask for structured output instead, which holds the answer to a JSON schema",
    "streaming": "leave it out, the methods that stream always do and the others never",
    "suffix": "leave it out, a text is continued at its end only",
    "echo": "leave it out, an answer is without its prompt",
    "verbose": "leave it out, llama.cpp prints nothing and errors quote its warnings",
    "n_ctx": "leave it out, long_text says what happens to texts beyond the model's window",
    "num_ctx": "leave it out, long_text says what happens to texts beyond the model's window",
    "seed": "leave it out, nothing is drawn here",
    "f16_kv": "leave it out, nothing is cached between texts",
    "rope_freq_base": "leave it out, the model's file says how positions are encoded",
    "rope_freq_scale": "leave it out, the model's file says how positions are encoded",
    "use_mmap": "leave it out, llama.cpp maps the weights from the file",
    "use_mlock": "leave it out, the system decides which pages stay in memory",
    "vocab_only": "leave it out, a model is opened with its weights",
    "logits_all": "leave it out, scores are computed for the tokens that need them",
    "n_parts": "leave it out, a GGUF says how many parts it has",
    "backend": "leave it out, the model's file says of which architecture it is",
    "embedding": "leave it out, the class says what the model is for",
    "client": "leave it out, models are opened in this process, and objects on one file share them",
    "client_kwargs": "leave it out, a model behind an address has api_key, timeout_s and max_retries",
    "async_client_kwargs": "leave it out, a model behind an address has api_key, timeout_s and max_retries",
    "sync_client_kwargs": "leave it out, a model behind an address has api_key, timeout_s and max_retries",
    "validate_model_on_init": "leave it out, a model is looked for at its first use",
    "model_kwargs": "give each of them by its own name",
    "gpt4all_kwargs": "give each of them by its own name",
    "generate_kwargs": "give each of them by its own name",
    "additional_kwargs": "give each of them by its own name",
    "ollama_additional_kwargs": "give each of them by its own name",
    "json_mode": "ask for structured output instead, which holds the answer to a JSON schema",
    "prompt_key": "leave it out, the model's own template renders a prompt",
    "async_client": "leave it out, models are opened in this process, and objects on one file share them",
    "headers": "leave it out, a model behind an address has api_key, timeout_s and max_retries",
    "is_function_calling_model": "leave it out, the model's file says whether it can hold a conversation",
    "tokenizer": "leave it out, the model's file has its tokenizer",
    "tokenizer_name": "leave it out, the model's file has its tokenizer",
    "pooling": "leave it out, the model's file says how its vectors are pooled",
    "normalize": "leave it out, all vectors have length 1",
    "max_length": "leave it out, long_text says what happens to texts beyond the model's window",
    "cache_folder": "leave it out, GPT4ALL_HOME says where models are kept",
    "trust_remote_code": "leave it out, a GGUF has no code to run",
    "parallel_process": "leave it out, one process embeds on all cores",
    "target_devices": "leave it out, one process embeds on all cores, or on one device",
    "show_progress_bar": "leave it out, and give show_progress to get_text_embedding_batch",
}
"""Arguments of other classes that have no counterpart here, or none for every class, and what to do."""


def advice_on(name: str, known: Sequence[str], *, fixed: Sequence[str]) -> str:
    """What to do about an argument that is not among the `known` ones.

    fixed: names that the object's constructor takes, but not a single call.
    """
    ours = _OTHER_NAMES.get(name)
    if name in fixed:
        return "give it to the constructor"
    if ours in known:
        return f"did you mean {ours}?"
    if ours in fixed:
        return f"did you mean {ours}? give it to the constructor"
    if name in _NO_ARGUMENTS:
        return _NO_ARGUMENTS[name]
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
