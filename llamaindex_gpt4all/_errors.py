"""What LlamaIndex's programs catch by a name of their own."""

from gpt4all_core.errors import OutputError


class NoToolCall(OutputError, ValueError):  # noqa: N818 - named like its kind in the core
    """The model answered in words where a call was asked for; `text` is what it said."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"the model called no tool but answered {text!r};"
            " pass tool_required=True, or error_on_no_tool_call=False"
        )
        self.text = text
