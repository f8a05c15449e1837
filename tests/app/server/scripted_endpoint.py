"""An address that answers as a test has it, and remembers what it was asked."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedEndpoint:
    """answers: by path, a status with JSON, or a function that makes one of a request's JSON; one list entry
    for each request where it is a list, the last for all further ones.
    """

    def __init__(self, answers):
        self.asked = []
        self._answers = answers
        self._lock = threading.Lock()
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(None)

            def do_POST(self):
                self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def reply(self, body):
                status, told = scripted.answer(self.path, body, self.headers)
                sent = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, path, body, headers):
        with self._lock:
            self.asked.append((path, body, headers))
            answer = self._answers.get(path, (404, {"error": {"message": "no such address"}}))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(body) if callable(answer) else answer

    def bodies(self, path):
        return [body for asked, body, _ in self.asked if asked == path]

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
