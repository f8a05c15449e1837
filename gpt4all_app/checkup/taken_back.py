"""How a setting is taken back that does harm."""

from gpt4all_core.config import setting_sources


def taken_back(name: str) -> str:
    """The command after which the setting's default holds, wherever its value comes from now."""
    is_variable = "environment variable" in setting_sources().get(name, "")
    return f"unset GPT4ALL_{name.upper()}" if is_variable else f"gpt4all config unset {name}"
