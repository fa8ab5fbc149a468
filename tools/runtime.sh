#!/bin/sh
# onnxruntime-web's three files for the live page and its tests: those in the cache, else fetched as a user fetches them, else a sentence and failure.
#     tools/runtime.sh PYTHON
set -u
python=$1

there() {
    "$python" -c 'import sys
from generator.artifacts import NotApplicable
from generator.live.runtime import runtime
sys.exit(isinstance(runtime(), NotApplicable))' >/dev/null 2>&1
}

there && exit 0
echo "Fetching onnxruntime-web (33 MB) ..." >&2
"$python" -m generator.cli live --fetch-runtime >&2 </dev/null
there && exit 0
echo "The live page needs onnxruntime-web and it could not be had: see docs/live.md for ways to get it." >&2
exit 1
