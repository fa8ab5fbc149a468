#!/bin/sh
# pdflatex with TikZ for the one test that compiles a drawing: what is there, else what root can install with apt-get, else a sentence.
# The tests run without it too; that one then says why it did not run.
set -u

there() { command -v pdflatex >/dev/null 2>&1 && kpsewhich tikz.sty >/dev/null 2>&1; }

there && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing pdflatex and TikZ with apt-get (229 MB) ..." >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends texlive-latex-base texlive-pictures; } >&2 </dev/null
    there && exit 0
fi
echo "No pdflatex with TikZ: the test that compiles a drawing will not run (Debian: apt-get install texlive-latex-base texlive-pictures)." >&2
exit 0
