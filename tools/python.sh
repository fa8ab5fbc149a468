#!/bin/sh
# Prints a Python of 3.11 or newer that can make virtual environments, or says in one sentence what is missing.
set -u
for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3 python; do
    command -v "$name" >/dev/null 2>&1 || continue
    "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
    if ! "$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "$name cannot make virtual environments: install python3-venv (Debian: apt-get install python3-venv) and run make again." >&2
        exit 1
    fi
    command -v "$name"
    exit 0
done
echo "Conv Atlas needs Python 3.11 or newer and found none: install python3 and python3-venv, or name one with make PYTHON=/path/to/python3." >&2
exit 1
