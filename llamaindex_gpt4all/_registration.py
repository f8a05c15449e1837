"""Makes the package known where LlamaIndex keeps closed lists."""

from llama_index.core.embeddings.loading import RECOGNIZED_EMBEDDINGS
from llama_index.core.llms.loading import RECOGNIZED_LLMS

from llamaindex_gpt4all.embeddings import GPT4AllEmbedding
from llamaindex_gpt4all.llms import GPT4All


def register() -> None:
    """Let LlamaIndex make this package's classes from saved objects.

        register()
        llm = load_llm(GPT4All(model="smollm2-135m-instruct").to_dict())  # so does load_embed_model

    LlamaIndex's extractors and saved pipelines load by class name. It has no way for packages to add
    themselves, so this writes into its tables, and only when it is called. Idempotent.
    """
    RECOGNIZED_LLMS[GPT4All.class_name()] = GPT4All
    RECOGNIZED_EMBEDDINGS[GPT4AllEmbedding.class_name()] = GPT4AllEmbedding
