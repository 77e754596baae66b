"""A page of another origin: what it could have of the monitor, and a link to it as anybody's page may have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

FOREIGN = """<!doctype html><link rel="icon" href="data:,"><p id="tried"></p><a href="TARGET">the monitor</a>
<script type="module">
const told = [];
const marker = JSON.stringify({job: "foreign", run_id: "1", phase: "start"});
await fetch("TARGETmarkers", {credentials: "include"})
    .then(() => told.push("fetch read"), () => told.push("fetch refused"));
await fetch("TARGETmarkers", {method: "POST", mode: "no-cors", credentials: "include", body: marker})
    .then(() => told.push("posted"), () => told.push("post refused"));
await new Promise((done) => {
    const stream = new EventSource("TARGETapi/live", {withCredentials: true});
    stream.onmessage = stream.onopen = () => { told.push("stream read"); done(); };
    stream.onerror = () => { told.push("stream refused"); stream.close(); done(); };
});
document.querySelector("#tried").textContent = told.join(", ");
</script>"""


@contextmanager
def foreign_page(target: str) -> Iterator[str]:
    """The address of a page of another origin that tries to read, to post and to follow what `target` says."""
    body = FOREIGN.replace("TARGET", target).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
