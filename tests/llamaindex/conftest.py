import sys
from pathlib import Path

import pytest
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from scripted_llm import make_llm

sys.path.append(str(Path(__file__).parents[1] / "core"))  # its chat templates


@pytest.fixture
def script(monkeypatch, starter_model):
    """Makes a GPT4All that gives these answers, and the model behind it."""
    return lambda answers, **arguments: make_llm(monkeypatch, starter_model, answers, **arguments)


@pytest.fixture
def seen():
    """What LlamaIndex's dispatcher is told meanwhile."""
    events = []

    class Listener(BaseEventHandler):
        def handle(self, event, **kwargs):
            events.append(event)

    dispatcher, listener = get_dispatcher(), Listener()
    dispatcher.add_event_handler(listener)
    yield events
    dispatcher.event_handlers.remove(listener)
