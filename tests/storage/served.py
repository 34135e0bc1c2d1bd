"""An object store on this machine: moto's S3 behind a layer that counts requests and makes some of them fail.

`python served.py RATE SEED` prints its address. GET /_counts returns requests and bytes by kind, GET /_put the paths
that were written; GET /_healed stops the failures. The server ends when its standard input is closed.
"""

import json
import random
import socket
import sys
import threading
from collections import Counter


class Unreliable:
    """A share ``rate`` of requests fails: refused, or cut off before or after they take effect."""

    def __init__(self, application, rate, seed):
        self.application, self.rate, self.draws = application, rate, random.Random(seed)
        self.counts, self.turn = Counter(), threading.Lock()
        self.put = []  # paths of objects that were written

    def __call__(self, environ, start):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path == "/_healed":
            self.rate = 0
        if path in ("/_counts", "/_healed", "/_put"):
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self.put if path == "/_put" else self.counts).encode()]
        ours = path.strip("/").count("/") > 0 or "list-type" in environ.get("QUERY_STRING", "")
        with self.turn:
            kind = "LIST" if "list-type" in environ.get("QUERY_STRING", "") else method
            self.counts[kind] += 1
            self.counts["sent"] += int(environ.get("CONTENT_LENGTH") or 0)
            fault = self.draws.choice(["refused", "before", "after"]) if self.draws.random() < self.rate * ours else ""
            self.counts[fault or "answered"] += 1
        if fault == "refused":
            start("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"]
        if fault == "before":
            start("500 cut off", [])
            return self.cut(environ)
        answer = list(self.application(environ, start))
        self.put += [path] * (method == "PUT")
        self.counts["received"] += sum(map(len, answer)) * (method == "GET")
        return self.cut(environ) if fault == "after" else answer

    def cut(self, environ):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return [b""]


def serve(rate, seed):
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *arguments):
            pass

    store = Unreliable(DomainDispatcherApplication(create_backend_app), rate, seed)
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(float(sys.argv[1]), int(sys.argv[2]))
