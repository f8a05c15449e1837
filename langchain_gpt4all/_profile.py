"""What a model can do, for programs that ask before they use it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.errors import ModelError
from gpt4all_core.shared_models import ModelRecipe, RemoteModelRecipe, model_label

_SIGNS_OF_THOUGHT = ("<think>", "reasoning_content", "<|channel|>", "[THINK]")
"""One of them is in the chat template of every model that was trained to think aloud."""

_BEHIND_AN_ADDRESS: Mapping[str, Any] = MappingProxyType(
    {
        "text_inputs": True,
        "text_outputs": True,
        "image_url_inputs": False,
        "pdf_inputs": True,
        "pdf_tool_message": True,
        "video_inputs": False,
        "tool_calling": True,
        "tool_choice": True,
        "tool_call_streaming": True,
        "structured_output": False,
        "temperature": True,
    }
)
"""What holds of all servers, which are not asked for a profile. Agents are not told of structured output:
they would ask for tools and a schema in one request, which llama-server and vLLM refuse."""


@dataclass(frozen=True, repr=False)
class LocalModelProfile(Mapping[str, Any]):
    """LangChain's model profile, read from the headers of the model's files when it is first looked at.

    LangChain asks for it whenever a model object is made, which must not wait for a disk. Reading
    takes milliseconds, loads no weights and fetches nothing; of a model that is not there, nothing
    is known, and its first use says why.
    """

    recipe: ModelRecipe | RemoteModelRecipe

    def __getitem__(self, key: str) -> Any:
        return self._facts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def __bool__(self) -> bool:
        return True  # LangChain asks that when it makes the object

    def __repr__(self) -> str:
        return f"{type(self).__name__}({model_label(self.recipe.reference or 'default')!r})"

    @property
    def _facts(self) -> Mapping[str, Any]:
        try:
            return self._read
        except ModelError:
            return {}

    @cached_property
    def _read(self) -> Mapping[str, Any]:
        if isinstance(self.recipe, RemoteModelRecipe):
            return _BEHIND_AN_ADDRESS
        model = replace(self.recipe, allow_download=False).make()
        template = read_header(model.path).text("tokenizer.chat_template")
        can_talk = template is not None
        return {
            "name": model.name,
            "max_input_tokens": model.context_size,
            "text_inputs": True,
            "image_inputs": "vision" in model.reads,
            "image_url_inputs": False,
            "pdf_inputs": True,
            "pdf_tool_message": True,
            "audio_inputs": "audio" in model.reads,
            "video_inputs": False,
            "text_outputs": True,
            "reasoning_output": any(sign in (template or "") for sign in _SIGNS_OF_THOUGHT),
            "tool_calling": can_talk,
            "tool_choice": can_talk,
            "tool_call_streaming": can_talk,
            "structured_output": can_talk,
            "temperature": True,
        }
