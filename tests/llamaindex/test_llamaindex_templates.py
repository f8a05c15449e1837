"""Whatever LlamaIndex sends renders on every template that the tests have, and nothing of it is lost."""

import chat_templates
import pytest
from agent_conversations import CONVERSATIONS, TOOLS
from chat_templates import REAL_TEMPLATES

from gpt4all_core.chat.marks import MARK
from gpt4all_core.chat.template import SpecialTokens
from gpt4all_core.chat_format import ChatFormat, ChatRequest
from gpt4all_core.open_model import PromptFacts
from llamaindex_gpt4all._messages import to_messages
from llamaindex_gpt4all._tools import describe_tools, to_tool_use

SOURCES = {
    name.lower(): source
    for name, source in vars(chat_templates).items()
    if name.isupper() and "add_generation_prompt" in str(source)
}
SOURCES |= {name.lower(): getattr(chat_templates, name) for name in ("STRICT", "PARTS", "MISTRAL")}
SOURCES |= {path.stem: path.read_text(encoding="utf-8") for path in sorted(REAL_TEMPLATES.glob("*.jinja"))}
TOOL_USE = to_tool_use(describe_tools(TOOLS), choice=None, is_parallel=True)


def chat_format(source):
    special = SpecialTokens(bos="<s>", eos="</s>", control=frozenset({*MARK.findall(source), "<s>", "</s>"}))
    facts = PromptFacts(source, special, bos=1, adds_bos=True)
    return ChatFormat(facts, model_name="tiny", tokenize=lambda text: list(text.encode()))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_conversation_renders_on_every_template(source):
    templated = chat_format(source)
    for name, messages in CONVERSATIONS.items():
        for tool_use in (None, TOOL_USE):
            prompt = templated.render(ChatRequest(tuple(to_messages(messages)), tool_use))
            written = "".join(segment.text for segment in prompt.segments)
            lost = [text for text in texts(messages) if text not in written]
            assert not lost, f"{name}, {'with' if tool_use else 'without'} tools"


def texts(messages):
    """All that is said in words; thoughts of earlier turns are left out by many templates, on purpose."""
    return [block.text for message in messages for block in message.blocks if block.block_type == "text"]
