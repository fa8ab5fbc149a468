"""A drawing without torch's compiler: it is not imported, and whoever asks for it has it, during the drawing and after."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


def ran(program: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env).stdout


def _between(before: resource.struct_rusage, after: resource.struct_rusage) -> float:
    """Seconds of a processor."""
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("style", ["graph", "blocks", "fcnn", "lenet", "alexnet"])
def test_resnet_50_is_drawn_in_about_the_time_of_importing_torchvision_and_without_the_compiler(
    style: str, tmp_path: Path
):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = ran(
        "import sys\nfrom generator import cli\n"
        f"code = cli.run(['draw', 'torchvision:resnet50', '--style', {style!r}, '-o', {str(tmp_path / 'a.svg')!r}])\n"
        "print(code, [name for name in sys.modules if name.startswith(('torch._dynamo', 'torch.distributed.tensor'))])"
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert said == "0 []\n"
    assert (tmp_path / "a.svg").stat().st_size > 10_000
    ran(
        "import torch, torchvision"
    )  # a ratio: a busy machine's seconds are longer. Drawing loads less of torch: 0.86 was seen
    alone = resource.getrusage(resource.RUSAGE_CHILDREN)
    took, plain = _between(before, after), _between(after, alone)
    assert took < 1.2 * plain


def test_the_compiler_compiles_afterwards_what_was_run_without_it():
    said = ran(
        "import sys, torch\nfrom generator.command.uncompiled import uncompiled\n"
        "norm = torch.nn.BatchNorm2d(2, device='meta').eval()\n"
        "with uncompiled():\n"
        "    shape = norm(torch.empty(1, 2, 3, 3, device='meta')).shape\n"  # torch asks for its compiler here
        "print(tuple(shape), 'torch._dynamo' in sys.modules)\n"
        "counted = torch.compile(lambda x: x * 2 + 1, backend='eager', fullgraph=True)\n"
        "print(counted(torch.ones(2)).tolist(), torch._dynamo.__file__.endswith('__init__.py'))\n"
        "print(tuple(norm(torch.empty(1, 2, 3, 3, device='meta')).shape))\n"
    )
    assert said == "(1, 2, 3, 3) False\n[3.0, 3.0] True\n(1, 2, 3, 3)\n"


@pytest.mark.parametrize(
    "asked",
    [
        "import torch._dynamo.config as one",
        "from torch._dynamo import config as one",
        "import torch\none = torch._dynamo.config",
        "from torch._dynamo.utils import counters\nimport torch._dynamo.config as one",
        "import torch, torch._dynamo.eval_frame\ntorch.compile(torch.nn.ReLU())\none = torch._dynamo.config",
    ],
)
def test_a_model_that_asks_for_the_compiler_has_it(asked: str):
    said = ran(
        "import sys\nfrom generator.command.uncompiled import uncompiled\n"
        f"with uncompiled():\n    exec({asked!r})\n    one.cache_size_limit = 7\n"
        "import torch._dynamo\n"
        "print(torch._dynamo.config is one, torch._dynamo.config.cache_size_limit, len(torch._dynamo.list_backends()) > 0)\n"
        "print(torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)).item(), len(sys.meta_path) < 9)"
    )
    assert said == "True 7 True\n2.0 True\n"


def test_torchvision_asks_the_compiler_itself_what_it_can():
    said = ran(
        "import sys\nfrom generator.command.uncompiled import uncompiled\n"
        "with uncompiled():\n    from torchvision.ops import roi_align\n"
        "before = 'torch._dynamo' in sys.modules\n"
        "ask = sys.modules['torchvision.ops.roi_align'].is_compile_supported\n"
        "import torch\nfrom torch._dynamo.utils import is_compile_supported\n"
        "print(before, ask('cpu') == is_compile_supported('cpu'))"
    )
    assert said == "False True\n"


def test_where_the_compiler_is_there_it_stays():
    said = ran(
        "import sys, torch._dynamo\nfrom generator.command.uncompiled import uncompiled\n"
        "with uncompiled():\n    print(sys.modules['torch._dynamo'] is torch._dynamo)"
    )
    assert said == "True\n"
