"""A local model you can talk to: llama.cpp in process, one shared engine a model.

    from gpt4all_core import LocalModel, Message

    with LocalModel("smollm2-135m-instruct") as model:
        for piece in model.chat([Message("user", "Say hello.")]):
            print(piece, end="")

Names are loaded at first use, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpt4all_core.batch_kernels import SlowQuantization
    from gpt4all_core.catalog.catalog import list_models
    from gpt4all_core.catalog.entry import ModelEntry
    from gpt4all_core.catalog.resolve import resolve_model
    from gpt4all_core.catalog.wishes import Wishes
    from gpt4all_core.chat_reply import ChatReply
    from gpt4all_core.embedder import LocalEmbedder
    from gpt4all_core.engine.handle import Generation, Scoring
    from gpt4all_core.engine.quantization import QuantizationRecipe, SizeForecast
    from gpt4all_core.errors import (
        ChecksumMismatch,
        ConfigError,
        ContextOverflow,
        DownloadError,
        EmbedderMismatch,
        EndpointError,
        EngineBusy,
        EngineClosed,
        EngineCrashed,
        GenerationCancelled,
        GenerationError,
        GenerationTimeout,
        GPT4AllError,
        IndexBusy,
        IndexCorrupt,
        LocalDocsError,
        MissingDependency,
        ModelError,
        ModelLoadError,
        ModelNotFound,
        NothingIndexed,
        OutputError,
        ToolCallParseError,
        UnreadableDocument,
        UnsupportedParameter,
        UnsupportedSchema,
        VectorServerError,
    )
    from gpt4all_core.inspect_model import FileFacts, inspect_file
    from gpt4all_core.local_model import LocalModel
    from gpt4all_core.model_loss import Loss, Perplexity, measure_loss, perplexity
    from gpt4all_core.open_model import Hardware
    from gpt4all_core.protocols import ChatModel, Constraint, Embedder
    from gpt4all_core.recommendation import Advice, recommend
    from gpt4all_core.remote.chat import RemoteModel
    from gpt4all_core.remote.embedder import RemoteEmbedder
    from gpt4all_core.remote.reranker import RemoteReranker
    from gpt4all_core.requantization import forecast_size, requantize
    from gpt4all_core.reranker import LocalReranker
    from gpt4all_core.types import (
        Adapter,
        Audio,
        ChosenLogprob,
        Completion,
        GenerationParams,
        Image,
        InvalidToolCall,
        Loglikelihood,
        Message,
        RankedDocument,
        Reasoning,
        ReasoningDelta,
        TextDelta,
        Timing,
        TokenLogprob,
        Tool,
        ToolCall,
        ToolCallDelta,
        ToolCallFailed,
        ToolCallStart,
        ToolUse,
        Usage,
    )

__all__ = [
    "Adapter",
    "Advice",
    "Audio",
    "ChatModel",
    "ChatReply",
    "ChecksumMismatch",
    "ChosenLogprob",
    "Completion",
    "ConfigError",
    "Constraint",
    "ContextOverflow",
    "DownloadError",
    "Embedder",
    "EmbedderMismatch",
    "EndpointError",
    "EngineBusy",
    "EngineClosed",
    "EngineCrashed",
    "FileFacts",
    "GPT4AllError",
    "Generation",
    "GenerationCancelled",
    "GenerationError",
    "GenerationParams",
    "GenerationTimeout",
    "Hardware",
    "Image",
    "IndexBusy",
    "IndexCorrupt",
    "InvalidToolCall",
    "LocalDocsError",
    "LocalEmbedder",
    "LocalModel",
    "LocalReranker",
    "Loglikelihood",
    "Loss",
    "Message",
    "MissingDependency",
    "ModelEntry",
    "ModelError",
    "ModelLoadError",
    "ModelNotFound",
    "NothingIndexed",
    "OutputError",
    "Perplexity",
    "QuantizationRecipe",
    "RankedDocument",
    "Reasoning",
    "ReasoningDelta",
    "RemoteEmbedder",
    "RemoteModel",
    "RemoteReranker",
    "Scoring",
    "SizeForecast",
    "SlowQuantization",
    "TextDelta",
    "Timing",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallFailed",
    "ToolCallParseError",
    "ToolCallStart",
    "ToolUse",
    "UnreadableDocument",
    "UnsupportedParameter",
    "UnsupportedSchema",
    "Usage",
    "VectorServerError",
    "Wishes",
    "forecast_size",
    "inspect_file",
    "list_models",
    "measure_loss",
    "perplexity",
    "recommend",
    "requantize",
    "resolve_model",
]

_ELSEWHERE = {
    "Adapter": "types",
    "Advice": "recommendation",
    "Audio": "types",
    "ChatModel": "protocols",
    "ChatReply": "chat_reply",
    "ChosenLogprob": "types",
    "Completion": "types",
    "Constraint": "protocols",
    "Embedder": "protocols",
    "FileFacts": "inspect_model",
    "Generation": "engine.handle",
    "GenerationParams": "types",
    "Hardware": "open_model",
    "Image": "types",
    "InvalidToolCall": "types",
    "LocalEmbedder": "embedder",
    "LocalModel": "local_model",
    "LocalReranker": "reranker",
    "Loglikelihood": "types",
    "Message": "types",
    "ModelEntry": "catalog.entry",
    "RankedDocument": "types",
    "Loss": "model_loss",
    "Perplexity": "model_loss",
    "QuantizationRecipe": "engine.quantization",
    "Reasoning": "types",
    "ReasoningDelta": "types",
    "RemoteEmbedder": "remote.embedder",
    "RemoteModel": "remote.chat",
    "RemoteReranker": "remote.reranker",
    "Scoring": "engine.handle",
    "SizeForecast": "engine.quantization",
    "SlowQuantization": "batch_kernels",
    "TextDelta": "types",
    "TokenLogprob": "types",
    "Tool": "types",
    "ToolCall": "types",
    "ToolCallDelta": "types",
    "ToolCallFailed": "types",
    "ToolCallStart": "types",
    "ToolUse": "types",
    "Timing": "types",
    "Usage": "types",
    "Wishes": "catalog.wishes",
    "forecast_size": "requantization",
    "inspect_file": "inspect_model",
    "list_models": "catalog.catalog",
    "measure_loss": "model_loss",
    "perplexity": "model_loss",
    "recommend": "recommendation",
    "requantize": "requantization",
    "resolve_model": "catalog.resolve",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
