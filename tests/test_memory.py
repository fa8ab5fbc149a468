"""Freed memory stays with the process, where the C library can be asked to keep it, and large tensors lie in large pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generator.command import memory

FAULTS = """
import resource, sys
import torch
from generator.command import memory
assert memory.keep() == (sys.argv[1] == "keep")
def faults(n):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n):
        torch.empty(16 * 2**20).fill_(1)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(32)  # until what is left over from one fits the next
print(faults(8))
"""

LARGE = """
import re
from generator.command import memory
memory.large_pages()
import torch
def large():
    return int(re.search(r"AnonHugePages: *([0-9]+) kB", open("/proc/self/smaps_rollup").read())[1])
before = large()
kept = torch.ones(16 * 2**20)  # 64 MiB
print(large() - before)
"""
PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def glibc() -> bool:
    return hasattr(os, "confstr") and "CS_GNU_LIBC_VERSION" in os.confstr_names


def faults(how: str, **environment: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_a_large_block_is_faulted_in_once():
    if not glibc():
        assert not memory.keep()
        return
    # eight blocks of 64 MiB: 131,072 pages of 4 KiB, less where the kernel gives larger ones
    told = faults("not", MALLOC_TRIM_THRESHOLD_="131072")
    assert faults("keep") < told / 20


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_user_told_the_c_library_stands(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, "1")
    assert not memory.keep()


def in_large_pages(**environment: str) -> int:
    """KiB of a tensor of 64 MiB that lie in large pages."""
    told = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    done = subprocess.run([sys.executable, "-c", LARGE], env={**told, **environment}, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return int(done.stdout)


def test_a_large_tensor_lies_in_large_pages_where_linux_gives_them_when_asked(monkeypatch: pytest.MonkeyPatch):
    if PAGES.exists() and "[madvise]" in PAGES.read_text():
        assert in_large_pages() > 32 * 1024
        assert in_large_pages(THP_MEM_ALLOC_ENABLE="0") < 8 * 1024
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    memory.large_pages()
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "0"
