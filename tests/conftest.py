"""What every test may ask for: a browser, and a folder served over http."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

if TYPE_CHECKING:
    from playwright.sync_api import Browser

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: two workers on two cores, a thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):  # a test's own make is no part of `make test`
    os.environ.pop(name, None)

OFF = (
    # pages of its own for the address bar, two for each window that a test opens: as much work as the page under test
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup",
    # what Playwright turns off, said again, since the last flag alone counts
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
)  # fmt: skip
"""Chromium's features that no test is about."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    f"--disable-features={','.join(OFF)}",
]


def chromium() -> str | None:
    """The program to start: CHROME_PATH, else one on the PATH, else None for Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium for the whole session; without one the test fails, since a page nobody opened is not tested."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        except Error as error:
            pytest.fail(f"no browser could be started: run tools/browser.sh, or install Chromium. {error}")
        yield started
        started.close()


class _Kept(BytecodeCache):
    """What Jinja compiled, by a template's file and text."""

    def __init__(self) -> None:
        self.compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.compiled:
            bucket.bytecode_from_string(self.compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.compiled[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """The many sites of a session compile a template once; whose text has changed is compiled anew."""
    make, kept = Environment.__init__, _Kept()

    def made(self: Environment, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **{"bytecode_cache": kept, **named})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "__init__", made)
        yield


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address, with its last slash, of `folder` served on a free port of this computer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def site_server() -> Iterator[Callable[[Path], str]]:
    """`site_server(folder)` -> its address; each folder is served once, until the session ends."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        addresses: dict[Path, str] = {}

        def serve(folder: Path) -> str:
            folder = folder.resolve()
            if folder not in addresses:
                addresses[folder] = stack.enter_context(served(folder))
            return addresses[folder]

        yield serve
