#!/bin/sh
# A browser for the tests: one that is there, else one that is installed, else a sentence and failure.
#     tools/browser.sh PYTHON
set -u
python=$1

there() {
    if [ -n "${CHROME_PATH:-}" ]; then
        [ -x "$CHROME_PATH" ] && return 0
        echo "CHROME_PATH is set to $CHROME_PATH, which is no program: set it to a Chromium or Chrome, or unset it." >&2
        exit 1
    fi
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" >/dev/null 2>&1 && return 0
    done
    "$python" - <<'PY' >/dev/null 2>&1
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    sys.exit(not os.path.exists(p.chromium.executable_path))
PY
}

there && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium with apt-get ..." >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >&2 </dev/null
    there && exit 0
fi
echo "Fetching Playwright's own Chromium ..." >&2
"$python" -m playwright install chromium >&2 </dev/null
there && exit 0
echo "The tests need a browser and none could be had: install Chromium or Chrome (Debian: apt-get install chromium) or set CHROME_PATH to one." >&2
exit 1
