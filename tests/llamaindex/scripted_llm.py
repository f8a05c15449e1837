"""A GPT4All object over a scripted model, so that a test says what a model answers."""

from gpt4all_core.shared_models import ModelRecipe
from gpt4all_core.testing import ScriptedChatModel
from gpt4all_core.types import Completion
from llamaindex_gpt4all import GPT4All


class ScriptedLocalModel(ScriptedChatModel):
    """A ScriptedChatModel with what the adapter uses of a LocalModel beside chatting.

    path: of a file whose header says that the model can talk.
    """

    is_open = True

    def __init__(self, answers, *, path, **options):
        super().__init__(answers, **options)
        self.path = path

    def open(self):
        return self

    def close(self):
        pass

    def token_ids(self, text):
        return list(range(self.count_tokens(text)))

    def chat(self, messages, params=None, *, timeout_s=None, **options):
        self.timeout_s = timeout_s
        return super().chat(messages, params, **options)


class EventModel(ScriptedLocalModel):
    """Answers with these events, whatever it is asked."""

    def __init__(self, events, *, path, completion=None):
        super().__init__(["OK."], path=path)
        self.events = events
        self.completion = completion or Completion("", "stop")
        self.replies = []

    def chat(self, messages, params=None, **options):
        self.replies.append(EventReply(self.events, self.completion))
        return self.replies[-1]


class EventReply:
    def __init__(self, events, completion):
        self.events = EventStream(events)
        self.completion = completion
        self.is_cancelled = False

    def result(self):
        return self.completion

    async def aresult(self):
        return self.completion

    def cancel(self):
        self.is_cancelled = True


class EventStream:
    def __init__(self, events):
        self.events = events

    def __iter__(self):
        return iter(self.events)

    async def __aiter__(self):
        for event in self.events:
            yield event


def use(monkeypatch, model):
    """Have every object of the adapter use this model."""
    monkeypatch.setattr(ModelRecipe, "make", lambda _recipe: model)


async def on_every_chat(llm, messages, **arguments):
    """The answers of the four chat methods; of streams the last response."""
    return [
        llm.chat(messages, **arguments),
        await llm.achat(messages, **arguments),
        list(llm.stream_chat(messages, **arguments))[-1],
        [response async for response in await llm.astream_chat(messages, **arguments)][-1],
    ]


async def on_every_completion(llm, prompt, **arguments):
    """The same for completions."""
    return [
        llm.complete(prompt, **arguments),
        await llm.acomplete(prompt, **arguments),
        list(llm.stream_complete(prompt, **arguments))[-1],
        [response async for response in await llm.astream_complete(prompt, **arguments)][-1],
    ]


def make_llm(monkeypatch, path, answers, **arguments):
    """A GPT4All that gives these answers, and the model behind it, which remembers what it was asked."""
    model = ScriptedLocalModel(answers, path=path)
    use(monkeypatch, model)
    return GPT4All(**arguments), model
