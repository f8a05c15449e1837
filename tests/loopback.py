"""A server on the loopback address, for tests that are marked `allow_hosts(["127.0.0.1"])`."""

import http.client
import json
import socket
import threading

import uvicorn

from gpt4all_app.server.app import create_app
from gpt4all_app.server.run import server_config


class LoopbackServer:
    """Answers on a free port, in a thread, until it is closed."""

    def __init__(self, models, options=None, *, documents=None, access=None, last_moments_s=1):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        app = create_app(models, options, documents=documents, access=access)
        self._server = uvicorn.Server(server_config(app, last_moments_s=last_moments_s))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()

    def hang_up_on(self, path, body, *, once):
        """Post the body, and close the connection once the event is set: no answer is waited for."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        assert once.wait(60)
        connection.close()

    def end(self):
        """Ask it to end, as a signal does."""
        self._server.should_exit = True

    def close(self):
        self.end()
        self._thread.join()
        self._socket.close()
