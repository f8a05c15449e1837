"""What tests do with the documents of a server all the time."""

import json

from gpt4all_localdocs.loaders.registry import load_document

LEAVE = b"Annual leave\n\nA full-time employee gets 27 days of paid leave a year.\n"
TRAVEL = b"Travel\n\nTrains are booked in the second class, planes never.\n"


class ReadsHere:
    """In the place of the processes that read files."""

    def __init__(self, **_options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def load(self, path, **_limits):
        return load_document(path)


class Shelf:
    """A client, and the documents of its server."""

    def __init__(self, client, documents):
        self.client = client
        self.documents = documents

    def make(self, name="papers", **files):
        """A collection of files, `leave_txt=b"…"`, indexed; its path."""
        assert self.client.post("/v1/collections", json={"id": name}).status_code == 201
        if files:
            self.upload(*((key.replace("_", "."), data) for key, data in files.items()), name=name)
            self.sync(name)
        return f"/v1/collections/{name}"

    def upload(self, *files, name="papers"):
        found = self.client.post(
            f"/v1/collections/{name}/files", files=[("files", (given, data)) for given, data in files]
        )
        assert found.status_code == 200, found.text
        return found.json()["data"]

    def sync(self, name="papers"):
        found = self.client.post(f"/v1/collections/{name}/sync", json={})
        assert found.status_code == 200, found.text
        return found.json()

    def files(self, name="papers"):
        return self.client.get(f"/v1/collections/{name}/files").json()["data"]

    def found(self, text, **how):
        """The names of the files that a search finds, best first."""
        answer = self.client.post("/v1/chunks", json={"text": text, **how})
        assert answer.status_code == 200, answer.text
        return [chunk["document"]["doc_metadata"]["file_name"] for chunk in answer.json()["data"]]


def told(response):
    """The named events of a stream: pairs of a name and the data."""
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in (event.split("\n", 1) for event in response.text.strip().split("\n\n"))
    ]


def refused(response):
    """The status and code of a refusal, which has to be in OpenAI's form."""
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return response.status_code, error["code"]
