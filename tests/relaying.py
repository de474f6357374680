"""Between a client and a real HTTP server: passes everything on, slowly, or answers 503 itself."""

import http.client
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
OWN = ("transfer-encoding", "connection", "content-length", "date", "server")


class Relay:
    """How it behaves from now on; a test changes it while it runs."""

    def __init__(self, port):
        self.port, self.url = port, ""
        self.busy = False
        self.seconds = 0.0
        """Before each answer."""
        self.refused = 0

    def passed_on(self, http_request, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        headers = dict(http_request.headers)
        connection.request(http_request.command, http_request.path, body, headers)
        answer = connection.getresponse()
        try:
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def answered(self, http_request, body):
        time.sleep(self.seconds)
        if self.busy:
            self.refused += 1
            return 503, [], b"" if http_request.command == "HEAD" else BUSY
        return self.passed_on(http_request, body)


@contextmanager
def relay(port):
    """A relay to a server on this machine."""
    relaying = Relay(port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, data = relaying.answered(self, body)
            length = {name.lower(): value for name, value in headers}.get("content-length")
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in OWN:
                    self.send_header(name, value)
            head = self.command == "HEAD" and length
            self.send_header("Content-Length", length if head else str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        relaying.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield relaying
        server.shutdown()
