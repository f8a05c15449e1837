import io
import math
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gpt4all_core.chat.template import SpecialTokens
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.score_tree import ScoredText
from gpt4all_core.errors import (
    ConfigError,
    ContextOverflow,
    EngineBusy,
    EngineClosed,
    GenerationCancelled,
    GenerationError,
    GenerationTimeout,
    MissingDependency,
    ModelLoadError,
    OutputError,
    UnsupportedSchema,
)
from gpt4all_core.isolated import messages
from gpt4all_core.isolated.failures import Failure, describe, rebuild
from gpt4all_core.isolated.messages import BrokenRules, read_reply, read_request, reply_frame, request_frame
from gpt4all_core.open_model import EngineOptions, Hardware, PromptFacts
from gpt4all_core.types import (
    Adapter,
    ChosenLogprob,
    Completion,
    GenerationParams,
    Loglikelihood,
    Piece,
    TokenLogprob,
    Usage,
)

OPTIONS = EngineOptions(context_size=64, kv_type="q8_0", cache_dir=Path("/somewhere"))
PARAMS = GenerationParams(max_tokens=3, temperature=0.1, seed=2**63, stop=("\n", "é"))
FACTS = PromptFacts(
    "{{ x }}", SpecialTokens("<s>", "</s>", frozenset({"<s>"}), frozenset()), 1, adds_bos=True
)
COMPLETION = Completion("né", "length", Usage(3, 2, 1))
ADAPTED = GenerationParams(
    logit_bias={5: -math.inf, 6: 1.5}, adapters=(Adapter(Path("/é.gguf"), 0.5), Adapter(Path("b.gguf")))
)
LOGPROBS = (ChosenLogprob(195, "\ufffd", -0.5, b"\xc3", (TokenLogprob(7, "a", -math.inf, b"a"),)),)

REQUESTS = [
    messages.Open(Path("/models/é.gguf"), OPTIONS),
    messages.Tokenize(1, "日本\x00", parse_special=True),
    messages.Compile(2, 'start: "a"'),
    messages.ReadFacts(3),
    messages.ReadCounters(4),
    messages.Submit(5, [0, 1, 49151], PARAMS, 2.5, grammar=2, shown=[3]),
    messages.Submit(6, [7], GenerationParams(), None, grammar=None, shown=[]),
    messages.Submit(7, [7], ADAPTED, None, grammar=None, shown=[]),
    messages.Score(8, [ScoredText((1, 2, 3), 1, 4), ScoredText((1, 5), 1)], ADAPTED.adapters, None),
    messages.Cancel(5),
    messages.Forget(2),
    messages.Close(),
]
REPLIES = [
    messages.Opened(0, Hardware(Path("m.gguf"), ("CUDA0",), 3, 31, 4, "q8_0")),
    messages.Tokens(1, []),
    messages.Compiled(2),
    messages.Facts(3, FACTS),
    messages.Counted(4, Counters(requests=2)),
    messages.Accepted(5),
    messages.Text(5, Piece("\N{BUTTERFLY}", 2)),
    messages.Text(5, Piece("", 2, LOGPROBS)),
    messages.Ended(5, COMPLETION),
    messages.Scored(8, (Loglikelihood((-0.5, -math.inf), is_greedy=False, truncated_tokens=2),)),
    messages.Ended(6, Completion("é", "stop", logprobs=LOGPROBS)),
    messages.Failed(6, Failure("EngineBusy", "busy", {"waiting": 3})),
]
ERRORS = [
    ContextOverflow(9, 8, hint="ask for less"),
    EngineBusy(3),
    GenerationTimeout(2.5),
    ModelLoadError("bad", path=Path("/x.gguf")),
    MissingDependency("thing", extra="app"),
    *(kind("é") for kind in (ConfigError, UnsupportedSchema, OutputError, EngineClosed, GenerationCancelled)),
]


@pytest.mark.parametrize("message", REQUESTS, ids=lambda message: message.kind)
def test_requests_arrive_as_they_were_sent(message):
    pipe = io.BytesIO(request_frame(message) * 2)
    assert [read_request(pipe), read_request(pipe), read_request(pipe)] == [message, message, None]


@pytest.mark.parametrize("message", REPLIES, ids=lambda message: message.kind)
def test_replies_arrive_as_they_were_sent(message):
    pipe = io.BytesIO(reply_frame(message) * 2)
    assert [read_reply(pipe), read_reply(pipe), read_reply(pipe)] == [message, message, None]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_keeps_its_type_its_text_and_its_attributes(error):
    reply = read_reply(io.BytesIO(reply_frame(messages.Failed(1, describe(error)))))
    arrived = rebuild(reply.failure)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_an_error_of_no_known_type_keeps_its_name_in_the_text():
    error = rebuild(describe(ZeroDivisionError("of nothing")))
    assert type(error) is GenerationError
    assert str(error) == "ZeroDivisionError: of nothing"


def test_a_name_that_is_no_error_of_ours_is_not_looked_up():
    assert type(rebuild(Failure("SystemExit", "0", {}))) is GenerationError


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x80\x04N.",  # None, pickled
        b"[]",
        b'{"kind": "exec", "number": 1}',
        b'{"kind": "text", "number": "x", "text": ""}',
        b'{"kind": "text", "number": 1}',
        b'{"kind": "ended", "number": 1, "completion": {"text": "a"}}',
        b'{"kind": "tokens", "number": 1, "tokens": ["a"]}',
        b'{"kind": "close"}',
    ],
)
def test_what_is_no_reply_is_refused(body):
    with pytest.raises(BrokenRules):
        read_reply(io.BytesIO(len(body).to_bytes(4, "big") + body))


def test_a_length_beyond_the_bound_is_refused_unread():
    pipe = io.BytesIO(b"\xff\xff\xff\xff" + bytes(100))
    with pytest.raises(BrokenRules, match="4294967295 bytes"):
        read_reply(pipe)
    assert pipe.tell() == 4


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_otherwise(content):
    pipe = io.BytesIO(content)
    try:
        while read_reply(pipe) is not None:
            pass
    except BrokenRules:
        pass


@given(st.integers(0, 60))
def test_a_frame_cut_short_is_the_end(length):
    frame = reply_frame(messages.Text(1, Piece("0123456789")))
    cut = frame[: min(length, len(frame) - 1)]
    assert read_reply(io.BytesIO(cut)) is None


def test_text_that_is_no_unicode_cannot_be_sent_and_says_so():
    with pytest.raises(ConfigError, match="cannot be sent"):
        request_frame(messages.Compile(1, "\ud800"))


def test_a_message_beyond_the_bound_is_refused_where_it_is_made(monkeypatch):
    monkeypatch.setattr(messages, "LONGEST_BODY", 100)
    with pytest.raises(ConfigError, match="isolate=False"):
        request_frame(messages.Compile(1, "x" * 100))
