"""Which chat template a model is talked to by: its file's own, unless the catalog knows better."""

from dataclasses import replace

from gpt4all_core.catalog.entry import ModelEntry
from gpt4all_core.catalog.template_text import template_text
from gpt4all_core.open_model import PromptFacts


def choose_template(facts: PromptFacts, entry: ModelEntry | None) -> PromptFacts:
    """The facts of a model's file, with the catalog's template where the file has none or a wrong one.

    A template for another purpose, "tool_use", is the file's own too, and goes with the wrong one.
    """
    choice = None if entry is None else entry.template
    if choice is None or (facts.chat_template is not None and not choice.replaces_own):
        return facts
    return replace(facts, chat_template=template_text(choice), other_templates={})
