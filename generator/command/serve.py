"""A built site over http on this computer alone."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from generator.errors import UserError


class _Handler(SimpleHTTPRequestHandler):
    """Types are ours: the computer's own table may call a script text, which browsers then refuse to run."""

    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".css": "text/css",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a rebuilt report is seen at the next reload
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a page is a hundred requests."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a browser that closes a connection early is no fault."""


def server_for(site: Path, port: int) -> ThreadingHTTPServer:
    """A server of the folder `site` on 127.0.0.1, bound and not yet serving; port 0 is any free one.

    Raises UserError where there is no site or the port is taken.
    """
    if not (site / "index.html").is_file():
        raise UserError(f"expected a built site, found no {site / 'index.html'}; run `convatlas build` first")
    try:
        return _Server(("127.0.0.1", port), partial(_Handler, directory=str(site)))
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror or error}); choose another with --port") from None
