"""A stand-in for the monitor's address that takes markers, and a look into a marker client's spool."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from monitor.web.markers import parse_marker

NOBODY = "http://127.0.0.1:1"  # nobody listens there, so that every marker stays in the spool, where it can be read


class Monitor:
    """A stand-in for the monitor's address: answers as told, keeps what it took."""

    def __init__(self, port: int = 0) -> None:
        monitor = self
        self.status = 201
        self.taken: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                monitor.headers.append(dict(self.headers))
                if monitor.status in (200, 201):
                    parse_marker(body, 0.0)
                    monitor.taken.append(json.loads(body))
                self.send_response(monitor.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(b'{"answer": "words of the monitor"}')

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def phases(self) -> list[str]:
        """The phases that were taken, in order."""
        return [marker["phase"] for marker in self.taken]


def waiting(spool: Path) -> list[dict[str, Any]]:
    """The markers in a spool, in the order in which they would be sent."""
    return [json.loads(path.read_bytes()) for path in sorted(spool.glob("*/*.json"))]
