"""What functions give in a page with nothing in it but `explain-core.js` (the fixture `page`), beside torch's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from playwright.sync_api import Page


def run(page: Page, body: str, **given: Any) -> Any:
    """What a function's body gives in the page; it sees `core` and what is given."""
    names = list(given)
    code = f"(all) => {{ const core = convatlas.explain; const {{{', '.join(names)}}} = all; {body} }}"
    return page.evaluate(code, json.loads(json.dumps({name: _plain(value) for name, value in given.items()})))


def _plain(value: Any) -> Any:
    return value.detach().double().flatten().tolist() if isinstance(value, Tensor) else value


def close(found: Any, expected: Tensor, tolerance: float = 1e-5) -> None:
    """Within the tolerance of each number, or of the largest where sums cancel."""
    want = expected.detach().double().flatten()
    got = torch.tensor(found, dtype=torch.float64).flatten()
    assert got.shape == want.shape
    assert torch.isfinite(got).all()
    assert ((got - want).abs() <= tolerance * want.abs().clamp(min=float(want.abs().max()))).all()
