"""Which tools one answer may call."""

from gpt4all_core.types import Tool, ToolUse


def callable_tools(tools: ToolUse | None) -> tuple[Tool, ...]:
    """All that are offered, the one that was chosen by its name, or none."""
    if tools is None or tools.choice == "none":
        return ()
    if tools.choice in {"auto", "required"}:
        return tools.tools
    return tuple(tool for tool in tools.tools if tool.name == tools.choice)
