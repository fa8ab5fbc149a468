"""Attention as the page works it out, against torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn import functional as F

from tests.explain.core_page import close, run

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_under_a_mask(page: Page, heads: int):
    torch.manual_seed(6)
    q, k, v = (torch.randn(1, 2, 9, 4) for _ in range(3))
    mask = torch.randn(heads, 9, 9).masked_fill(torch.rand(heads, 9, 9) > 0.6, -1e30)
    mask[:, :, 0] = 0
    out = F.scaled_dot_product_attention(q, k, v, mask[None])
    body = """const many = [], added = Float64Array.from(mask);
    for (let c = 0; c < 8; c += 1) for (let t = 0; t < 9; t += 1) many.push(core.gathered(core.attend({scale: 0.5, heads: 2}, q, k, 9, Math.floor(c / 4), t, added).p, v, c));
    return many;"""
    flat = [one[0].transpose(1, 2).flatten(0, 1) for one in (q, k, v)]
    close(run(page, body, q=flat[0], k=flat[1], v=flat[2], mask=mask), out[0].transpose(1, 2).flatten(0, 1))


def test_attention_of_every_head_at_every_token(page: Page):
    torch.manual_seed(5)
    q, k, v = (torch.randn(1, 2, 9, width) * 2 for width in (6, 6, 4))
    out = F.scaled_dot_product_attention(q, k, v, scale=0.7)
    body = """const many = [];
    for (let c = 0; c < 8; c += 1) for (let t = 0; t < 9; t += 1) many.push(core.gathered(core.attend({scale: 0.7, heads: 2}, q, k, 9, Math.floor(c / 4), t).p, v, c));
    return many;"""
    flat = [one[0].transpose(1, 2).flatten(0, 1) for one in (q, k, v)]
    close(run(page, body, q=flat[0], k=flat[1], v=flat[2]), out[0].transpose(1, 2).flatten(0, 1))
