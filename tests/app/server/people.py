"""A server with users: who they are, and clients that ask as they do."""

import json

from served import Continuing, Hashed, Ranker, served
from shelf import Shelf
from starlette.testclient import TestClient

from gpt4all_app.server.access import open_access
from gpt4all_app.server.access_options import AccessOptions
from gpt4all_app.server.access_users_file import UserEntry, add_user, key_digest
from gpt4all_app.server.access_view import UsersView
from gpt4all_app.server.app import create_app
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.options import ServerOptions

API_KEY = "the server's own"
MODELS = (Continuing, Hashed, Ranker)


class People:
    """Ann, Bob and Cleo, whose keys are their names, an administrator, and the server that they share.

    limits: of each of the three. folder: where the users' file and the index are.
    """

    def __init__(self, folder, *, options=None, limits=None, models=None, allowed=(), **others):
        self.file = folder / "users.toml"
        for name in ("ann", "bob", "cleo"):
            if not self.file.exists() or f"[users.{name}]" not in self.file.read_text():
                add_user(self.file, name, UserEntry(key_sha256=key_digest(name), **(limits or {})))
        access_options = AccessOptions(users=self.file, **others)
        self.access = open_access(access_options, index=folder / "index", api_key=API_KEY)
        self.documents = ServedDocuments(
            folder / "index", embedder=Hashed, options=options, access=UsersView(self.access)
        )
        self.documents.maps.after_sync = lambda: None
        models = served(*(models or [Continuing(name="base"), Hashed(), Ranker()]))
        self.app = create_app(
            models, ServerOptions(api_key=API_KEY), documents=self.documents, access=self.access
        )

    def __getattr__(self, name):
        """The client of a user."""
        return self.client({"owner": API_KEY}.get(name, name))

    def client(self, key):
        headers = {"Authorization": f"Bearer {key}"}
        return TestClient(self.app, "http://127.0.0.1", raise_server_exceptions=False, headers=headers)

    def shelf(self, name):
        return Shelf(getattr(self, name), self.documents)

    def share(self, collection, **how):
        answer = self.owner.put(f"/v1/collections/{collection}/sharing", json=how)
        assert answer.status_code == 200, answer.text

    def close(self):
        self.documents.close()
        self.access.close()


def lines(path):
    """The records of an audit log."""
    return [json.loads(line) for line in path.read_text().splitlines()]
