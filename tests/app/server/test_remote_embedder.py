"""Embedders behind an address: this project's server, llama-server, and servers that misbehave."""

import asyncio
import os
import pickle
import threading

import numpy as np
import pytest
import xllamacpp
from loopback import LoopbackServer
from scripted_endpoint import ScriptedEndpoint

from gpt4all_app.checkup.chosen_models import findings
from gpt4all_app.server.find_models import find_models
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.config import resolve_settings
from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.errors import ConfigError, EndpointError, GenerationError, ModelNotFound
from gpt4all_core.remote.embedder import RemoteEmbedder
from gpt4all_core.remote.embedding_wire import MOST_CHARACTERS, MOST_TEXTS, batches
from gpt4all_localdocs import LocalDocs

TEXTS = ["a cat", "Two dogs ran along the beach.", "Größe ändern", "Words that go on. " * 60]


@pytest.fixture(scope="module")
def local():
    with LocalEmbedder() as embedder:
        yield embedder


@pytest.fixture(scope="module")
def own_address():
    server = LoopbackServer(find_models(["all-minilm-l6-v2"]))
    yield server.url
    server.close()


@pytest.fixture(scope="module")
def llama_address():
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(resolve_model(None, role="embedder"))
    parameters.model_alias = {"minilm"}
    parameters.embedding = True
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = os.cpu_count() or 1
    parameters.n_ctx = 1024
    parameters.n_parallel = 2
    parameters.port = 0
    parameters.warmup = False
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    yield server.listening_address
    del server


@pytest.fixture
def scripted():
    opened = []

    def start(answers):
        opened.append(ScriptedEndpoint(answers))
        return opened[-1]

    yield start
    for endpoint in opened:
        endpoint.close()


def told(vectors):
    return {"data": [{"index": index, "embedding": list(vector)} for index, vector in enumerate(vectors)]}


def lengths(body):
    """Vectors that tell the texts of a request apart."""
    return 200, told([[len(text), 1.0] for text in body["input"]])


ONE_MODEL = (200, {"data": [{"id": "some-model", "owned_by": "acme"}]})


def opened(endpoint, **options):
    return RemoteEmbedder("some-model", base_url=endpoint.url, max_retries=0, **options)


@pytest.mark.parametrize("address", ["own_address", "llama_address"])
def test_vectors_are_those_of_the_same_model_in_this_process(address, local, request):
    with RemoteEmbedder(base_url=request.getfixturevalue(address)) as remote:
        ours, theirs = local.embed_documents(TEXTS), remote.embed_documents(TEXTS)
        assert theirs.dtype == np.float32
        assert np.linalg.norm(theirs, axis=1) == pytest.approx(1, abs=1e-5)
        assert ((ours * theirs).sum(axis=1) > 0.999).all()
        assert local.embed_query("a cat") @ remote.embed_query("a cat") > 0.999
        assert remote.count_tokens(TEXTS[-1]) == local.count_tokens(TEXTS[-1])
        assert (remote.dimensions, remote.max_tokens) == (384, 510)

        async def both():
            return await asyncio.gather(remote.aembed_documents(TEXTS[:2]), remote.aembed_query(TEXTS[0]))

        documents, query = asyncio.run(both())
        assert np.allclose(documents, theirs[:2], atol=1e-3)
        assert query @ theirs[0] > 0.999


def test_an_index_goes_on_when_its_embedder_moves_behind_an_address(own_address, local, tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "pay.txt").write_text("Salaries are paid on the last working day of the month.")
    with LocalDocs(tmp_path / "index", folders=[folder], embedder=local) as docs:
        docs.sync()
    with (
        RemoteEmbedder(base_url=own_address) as remote,
        LocalDocs(tmp_path / "index", embedder=remote) as docs,
    ):
        assert remote.identity == local.identity
        (folder / "leave.txt").write_text("Twenty days of annual leave are granted.")
        report = docs.sync()
        assert report.embedded == 1
        assert docs.search("When is pay day?")[0].path.name == "pay.txt"


def test_settings_have_documents_embedded_by_an_address(own_address, local, tmp_path, monkeypatch):
    monkeypatch.setenv("GPT4ALL_EMBEDDER_BASE_URL", own_address)
    with LocalDocs(tmp_path / "index") as docs:
        assert isinstance(docs.embedder, RemoteEmbedder)
        assert docs.embedder.identity == local.identity
    [finding] = [
        each for each in findings(None, resolve_settings(), features=set()) if each.about == "embedder"
    ]
    assert (finding.level, finding.text) == ("ok", f"all-minilm-l6-v2 at {own_address}")
    monkeypatch.setenv("GPT4ALL_EMBEDDING_MODEL", "unheard-of")
    [finding] = [
        each for each in findings(None, resolve_settings(), features=set()) if each.about == "embedder"
    ]
    assert (finding.level, finding.remedy) == ("problem", "unset GPT4ALL_EMBEDDER_BASE_URL")


def test_the_identity_of_another_server_is_of_the_model_and_of_nothing_of_the_machine(llama_address, local):
    with (
        RemoteEmbedder(base_url=llama_address, api_key="secret") as one,
        RemoteEmbedder(base_url=llama_address.replace("127.0.0.1", "localhost")) as same,
        RemoteEmbedder(base_url=llama_address, document_prefix="passage: ") as other,
        RemoteEmbedder(base_url=llama_address, identity=local.identity) as told_by_user,
    ):
        assert one.identity == same.identity
        assert len({one.identity, other.identity, local.identity}) == 3
        assert one.identity.startswith("minilm-remote-")
        assert told_by_user.identity == local.identity


def test_a_long_text_is_cut_here_and_never_by_the_server(llama_address, local):
    long_text = "The committee met again in the morning. " * 150
    with RemoteEmbedder(base_url=llama_address, long_text="truncate") as cut:
        beginning = local.embed_documents([long_text[: len(long_text) // 3]])[0]
        assert cut.embed_documents([long_text])[0] @ beginning > 0.98
    with (
        RemoteEmbedder(base_url=llama_address, long_text="error", max_tokens=100) as strict,
        pytest.raises(ConfigError, match=r"a text has 1200 tokens but minilm sees 98"),
    ):
        strict.embed_documents([long_text])


def test_vectors_come_in_the_order_of_the_texts_whatever_the_servers(scripted):
    def shuffled(body):
        status, answer = lengths(body)
        return status, {"data": answer["data"][::-1]}

    endpoint = scripted({"/v1/models": ONE_MODEL, "/v1/embeddings": shuffled})
    texts = ["x" * (1 + number % 50) for number in range(3 * MOST_TEXTS + 5)]
    with opened(endpoint) as embedder:
        vectors = embedder.embed_documents(texts)
    assert (vectors[:, 0] / vectors[:, 1]).round().tolist() == list(map(len, texts))
    assert [len(body["input"]) for body in endpoint.bodies("/v1/embeddings")].count(MOST_TEXTS) == 3


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([MOST_CHARACTERS * 2], [1]),
        ([MOST_CHARACTERS - 1, 1, 1], [2, 1]),
        ([1] * (MOST_TEXTS + 1), [MOST_TEXTS, 1]),
    ],
)
def test_requests_are_bounded_in_texts_and_characters(sizes, expected):
    runs = list(batches(["x" * size for size in sizes]))
    assert [run.stop - run.start for run in runs] == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (told([[1, 0]]), "1 vectors for 2 texts"),
        ({"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}, "a vector for text 0"),
        (told([[1, 0], [0, 0]]), "zero or no number"),
        (told([[1, 0], [1]]), "shape"),
        (told([[[1, 0]], [[1, 0]]]), "token vectors"),
        ({"vectors": []}, "'data'"),
    ],
    ids=["too few", "twice", "zero", "ragged", "not pooled", "another form"],
)
def test_an_answer_that_is_not_one_vector_a_text_is_an_error(scripted, answer, reason):
    endpoint = scripted({"/v1/models": ONE_MODEL, "/v1/embeddings": (200, answer)})
    with opened(endpoint) as embedder, pytest.raises(EndpointError, match=reason):
        embedder.embed_documents(["a", "b"])


def test_another_model_under_the_same_name_is_noticed_by_its_vectors(scripted):
    answers = [(200, told([[1, 0]])), (200, told([[1, 0, 0]]))]
    endpoint = scripted({"/v1/models": ONE_MODEL, "/v1/embeddings": answers})
    with opened(endpoint) as embedder:
        assert embedder.dimensions == 2
        assert embedder.embed_documents([]).shape == (0, 2)
        with pytest.raises(GenerationError, match="another model answers as some-model"):
            embedder.embed_query("a")


def test_what_the_catalog_knows_of_a_model_counts_under_its_names_elsewhere(scripted):
    models = (200, {"data": [{"id": "nomic-ai/nomic-embed-text-v1.5", "max_model_len": 100}]})
    endpoint = scripted({"/v1/models": models, "/v1/embeddings": lengths})
    with RemoteEmbedder(base_url=endpoint.url) as embedder:
        embedder.embed_documents(["text"])
        embedder.embed_query("text")
        embedder.embed_documents(["wonderful " * 100])
        assert embedder.max_tokens < 98
    document, query, parts = [body["input"] for body in endpoint.bodies("/v1/embeddings")]
    assert [*document, *query] == ["search_document: text", "search_query: text"]
    assert len(parts) > 1
    assert all(part.startswith("search_document: wonderful") for part in parts)


def test_a_server_that_tells_its_identity_is_told_what_texts_are_and_given_them_whole(scripted):
    own = {"id": "m", "owned_by": "local", "role": "embedder", "context_tokens": 8, "identity": "m-123"}
    endpoint = scripted({"/v1/models": (200, {"data": [own]}), "/v1/embeddings": lengths})
    long_text = "word " * 100
    with RemoteEmbedder(base_url=endpoint.url) as embedder:
        embedder.embed_documents([long_text])
        embedder.embed_query("text")
        assert embedder.identity == "m-123"
    sent = [(body["input"], body["input_type"]) for body in endpoint.bodies("/v1/embeddings")]
    assert sent == [([long_text], "document"), (["text"], "query")]
    with RemoteEmbedder(base_url=endpoint.url, long_text="truncate") as other:
        assert other.identity != "m-123"
    with (
        RemoteEmbedder(base_url=endpoint.url, query_prefix="query: ") as embedder,
        pytest.raises(ConfigError, match="own prefixes"),
    ):
        embedder.open()


def test_a_length_that_the_server_does_not_give_is_refused(scripted):
    endpoint = scripted({"/v1/models": ONE_MODEL, "/v1/embeddings": lengths})
    with opened(endpoint, dimensions=1) as embedder, pytest.raises(ConfigError, match="gives 2"):
        embedder.embed_query("a")
    assert endpoint.bodies("/v1/embeddings")[0]["dimensions"] == 1


@pytest.mark.parametrize(("asked", "reason"), [(256, "gives 2"), (100, "it was trained for 768")])
def test_a_model_of_the_catalog_has_the_lengths_that_it_was_trained_for(scripted, asked, reason):
    models = (200, {"data": [{"id": "nomic-embed-text-v1.5"}]})
    endpoint = scripted({"/v1/models": models, "/v1/embeddings": lengths})
    with (
        RemoteEmbedder(base_url=endpoint.url, dimensions=asked) as embedder,
        pytest.raises(ConfigError, match=reason),
    ):
        embedder.embed_query("a")


def test_an_address_without_a_list_of_models_answers_by_the_name_given(scripted):
    endpoint = scripted({"/v1/embeddings": lengths})
    with opened(endpoint) as embedder:
        assert embedder.embed_query("abc").shape == (2,)
    with (
        RemoteEmbedder(base_url=endpoint.url, max_retries=0) as unnamed,
        pytest.raises(EndpointError, match="404"),
    ):
        unnamed.embed_query("abc")


def test_without_an_address_that_counts_tokens_they_are_estimated(scripted):
    models = (200, {"data": [{"id": "some-model", "owned_by": "vllm", "max_model_len": 20}]})
    endpoint = scripted({"/v1/models": models, "/v1/embeddings": lengths})
    words = "wonderful " * 40
    with opened(endpoint) as embedder:
        assert embedder.count_tokens(words) >= 40
        assert embedder.max_tokens == 13
        assert embedder.embed_documents([words]).shape == (1, 2)
    assert len(endpoint.bodies("/tokenize")) == 1
    [body] = endpoint.bodies("/v1/embeddings")
    assert "".join("".join(body["input"]).split()) == "".join(words.split())
    assert all(len(text.split()) <= 18 for text in body["input"])


def test_a_server_that_fails_once_is_asked_again(scripted):
    failure = (503, {"error": {"message": "loading"}})
    endpoint = scripted({"/v1/models": ONE_MODEL, "/v1/embeddings": [failure, lengths]})
    with RemoteEmbedder(base_url=endpoint.url, max_retries=1) as embedder:
        assert embedder.embed_query("abc").shape == (2,)


@pytest.mark.parametrize(
    ("texts", "message"),
    [("letters", "one text"), ([""], "empty"), ([None], "no text"), (["a", " \n"], "empty")],
)
def test_what_has_no_vector_is_refused_before_anything_is_sent(texts, message):
    with (
        RemoteEmbedder(base_url="http://127.0.0.1:9") as embedder,
        pytest.raises(ConfigError, match=message),
    ):
        embedder.embed_documents(texts)


def test_a_server_without_an_embedder_says_which_it_has_none_of(scripted):
    models = (200, {"data": [{"id": "talker", "role": "chat", "owned_by": "local", "context_tokens": 9}]})
    endpoint = scripted({"/v1/models": models})
    with RemoteEmbedder(base_url=endpoint.url) as embedder, pytest.raises(ModelNotFound, match="embedder"):
        embedder.open()


def test_a_copy_in_another_process_connects_anew(scripted):
    endpoint = scripted({"/v1/models": ONE_MODEL, "/v1/embeddings": lengths})
    with opened(endpoint, api_key="key", document_prefix="text: ") as embedder:
        embedder.open()
        sent = pickle.dumps(embedder)
        identity = embedder.identity
    with pickle.loads(sent) as copy:
        assert (copy.identity, copy.embed_query("a").shape) == (identity, (2,))
    assert endpoint.asked[-1][2]["Authorization"] == "Bearer key"


async def test_a_cancelled_task_waits_for_no_answer(scripted):
    asked, answered = threading.Event(), threading.Event()

    def hang(body):
        asked.set()
        answered.wait(60)
        return lengths(body)

    endpoint = scripted({"/v1/models": ONE_MODEL, "/v1/embeddings": hang})
    with opened(endpoint) as embedder:
        task = asyncio.create_task(embedder.aembed_documents(["a"]))
        assert await asyncio.to_thread(asked.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not answered.is_set()
        answered.set()


def test_one_request_that_fails_fails_the_call(scripted):
    refusal = (400, {"error": {"message": "no such text"}})
    endpoint = scripted({"/v1/models": ONE_MODEL, "/v1/embeddings": [lengths, refusal, lengths]})
    with opened(endpoint) as embedder, pytest.raises(EndpointError, match="no such text"):
        embedder.embed_documents(["text"] * (4 * MOST_TEXTS))
