"""MkDocs, run from Python and quietly; then what only a finished site can be given: its script hashes.

The content security policy is put in by assets/js/csp.js, over http alone: on file:// it would stop the search.
Plain `mkdocs build` keeps that file empty, because the hashes are known only after a build.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort, ConfigurationError, MkDocsException

from generator.errors import UserError

_INLINE = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.S | re.I)

POLICY = (
    "default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self'; object-src 'none'; frame-src 'none'; base-uri 'none'; form-action 'none'"
)


def run(mkdocs_yml: Path, docs_dir: Path, site_dir: Path) -> None:
    """Build the site; a mistake in mkdocs.yml is the user's."""
    log = logging.getLogger("mkdocs")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        config = load_config(str(mkdocs_yml), docs_dir=str(docs_dir), site_dir=str(site_dir))
        config.plugins.on_startup(command="build", dirty=False)
        try:
            build(config)
        finally:
            config.plugins.on_shutdown()
    except (ConfigurationError, Abort) as error:
        raise UserError(
            f"{mkdocs_yml} is not a settings file that MkDocs accepts: {' '.join(str(error).split())}"
        ) from error
    except MkDocsException as error:
        raise UserError(f"MkDocs stopped: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise UserError(
            f"the site cannot be written to {site_dir}: {error.strerror or error}; choose another folder."
        ) from error
    finally:
        log.setLevel(level)


def inline_hashes(site_dir: Path) -> list[str]:
    """'sha256-…' of every inline script that runs, over all pages, sorted."""
    found: set[str] = set()
    for page in site_dir.rglob("*.html"):
        for match in _INLINE.finditer(page.read_text("utf-8")):
            attributes = match["attributes"].lower()
            if "src=" in attributes or "application/json" in attributes:
                continue
            digest = hashlib.sha256(match["body"].encode("utf-8")).digest()
            found.add(f"'sha256-{base64.b64encode(digest).decode()}'")
    return sorted(found)


def write_policy(site_dir: Path) -> None:
    """Fill in assets/js/csp.js, which every page loads first."""
    policy = POLICY.format(hashes=" ".join(inline_hashes(site_dir)))
    (site_dir / "assets/js/csp.js").write_text(
        "if (location.protocol !== 'file:') {\n"
        "  const meta = document.createElement('meta');\n"
        "  meta.httpEquiv = 'Content-Security-Policy';\n"
        f'  meta.content = "{policy}";\n'
        "  document.head.appendChild(meta);\n"
        "}\n",
        "utf-8",
    )
