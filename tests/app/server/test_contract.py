"""Requests that the OpenAPI document allows, and such that it does not, at each address: of schemathesis."""

import os
import re
from pathlib import Path

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies
from loopback import LoopbackServer
from schemathesis.checks import CHECKS
from served import Continuing, Hashed, Ranker, served
from shelf import LEAVE, TRAVEL, ReadsHere

from gpt4all_app.server.app import create_app
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_options import DocumentOptions

EXAMPLES = int(os.environ.get("FUZZ_REQUESTS", "12"))
"""Requests of each kind at each address; `make fuzz-server` makes more."""

CONVERSATIONS = (
    "tool_choice='required' asks for a call but there are no tools",
    "tool_choice=.* names none of the tools",
    "has no effect (beside mirostat|at temperature 0)",
    "an assistant's message holds a picture",
    "cannot be used with localdocs",
    "cannot be asked about with localdocs",
    "cannot be part of a conversation with localdocs",
    "the last message has to be the user's question",
    "two different tools are named",
)

REFUSED = {
    "/v1/chat/completions": (
        *CONVERSATIONS,
        r"max_tokens=\d+ and max_completion_tokens=\d+ say two things",
        "top_logprobs needs logprobs",
        "response_format has no json_schema",
        "structured_outputs: .* cannot be held to|are two rules for one answer",
    ),
    "/v1/responses": (*CONVERSATIONS, "the conversation is empty", "text.format has no schema"),
    "/v1/chunks": ("which has no words",),
    "/v1/completions": (
        "has no effect (beside mirostat|at temperature 0)",
        "echo and logprobs do not go together",
    ),
    "/v1/embeddings": ("is no length of",),
    "/v1/collections": (
        "id has to be 1 to 64 printable characters",
        "folder (has to be an absolute|is no) path",
        "this server has one embedder for all collections",
    ),
}
"""Requests of the right form that are a 400 all the same, by address: parts that contradict each other, what
the model that is asked was not made for, or what is a name to one system and none to another."""


def an_app(documents):
    return create_app(served(Continuing(name="base"), Hashed(), Ranker()), documents=documents)


NEVER_MADE = ServedDocuments(Path("never-made"), embedder=Hashed, options=DocumentOptions())
SCHEMA = schemathesis.openapi.from_dict(an_app(NEVER_MADE).openapi())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
RIGHT, WRONG = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CHECKED = [CHECKS.get_one(name) for name in CHECKS.get_all_names() if name != "positive_data_acceptance"]


class Shelf:
    """A server with documents, and the names of what it has."""

    def __init__(self, folder):
        self.documents = ServedDocuments(folder / "index", embedder=Hashed, options=DocumentOptions())
        self.documents.maps.after_sync = lambda: None  # made when they are asked for
        models = served(Continuing(name="base"), Hashed(), Ranker())
        self.server = LoopbackServer(models, documents=self.documents)
        self.session = requests.Session()
        self.known = {"collection": "papers", "model": "base"}

    def call(self, method, path, **what):
        return self.session.request(method, self.server.url + path, timeout=60, **what)

    def fill(self):
        """The collection as it was, whatever became of it."""
        if self.call("GET", "/v1/collections/papers").status_code == 200:
            return
        self.call("POST", "/v1/collections", json={"id": "papers"})
        files = [("files", (name, text)) for name, text in (("leave.txt", LEAVE), ("travel.txt", TRAVEL))]
        kept = self.call("POST", "/v1/collections/papers/files", files=files).json()["data"]
        self.call("POST", "/v1/collections/papers/sync", json={})
        chunk = self.call("POST", "/v1/chunks", json={"text": "leave"}).json()["data"][0]
        self.known |= {"file": kept[0]["id"], "passage": chunk["id"]}

    def close(self):
        self.session.close()
        self.server.close()
        self.documents.close()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpt4all_localdocs.pipeline.LoaderPool", ReadsHere)
        shelf = Shelf(tmp_path_factory.mktemp("shelf"))
        yield shelf
        shelf.close()


def name_what_is_there(case, known):
    """A request by names that are known here: of others all that can be said is that they are not."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = known.get(name, case.path_parameters[name])
    if isinstance(case.body, dict):
        for name in ("model", "localdocs"):
            case.body.pop(name, None)


@pytest.mark.parametrize(
    ("operation", "mode"),
    # Any text is a path, and so only a body can be wrong.
    [(each, RIGHT) for each in OPERATIONS] + [(each, WRONG) for each in OPERATIONS if each.body],
    ids=lambda value: getattr(value, "label", None) or value.value,
)
def test_every_answer_is_one_that_the_document_tells_of(shelf, operation, mode):
    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize="FUZZ_REQUESTS" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode), strategies.booleans())
    def every(case, is_known):
        shelf.fill()
        if is_known and mode is RIGHT:
            name_what_is_there(case, shelf.known)
        response = case.call(base_url=shelf.server.url, session=shelf.session)
        case.validate_response(response, checks=CHECKED)
        if mode is RIGHT and response.status_code == 400:
            message = response.json()["error"]["message"]
            known = REFUSED.get(operation.path, ())
            assert any(re.search(pattern, message) for pattern in known), (case.body, message)

    every()
