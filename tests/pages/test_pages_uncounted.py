"""Work that is not counted, and recurrent layers, in every table that says costs: layers, architecture, networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from generator.diagrams.from_model import architecture
from generator.pages.numbers import short
from tests.pages.conftest import Built
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Spectral(nn.Module):
    """A Fourier transform of each map, rows of it one after the other into an LSTM, and a layer that does both."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mix = nn.Conv2d(3, 4, 1), Mix()
        self.lstm, self.fc = nn.LSTM(4 * 8, 5, batch_first=True, bidirectional=True), nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.mix(torch.fft.fft2(self.conv(x)).real)
        return self.fc(self.lstm(y.permute(0, 2, 1, 3).flatten(2))[0][:, -1])


class Mix(nn.Conv2d):
    """A convolution of what a Fourier transform gives."""

    def __init__(self) -> None:
        super().__init__(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.fft.fft2(x).real)


STEPS = 8 * 2 * (4 * 5 * (32 + 5))
"""Eight rows, two directions, four gates."""
COUNTED = 3 * 4 * 64 + 4 * 4 * 64 + STEPS + 20


def test_tables_say_what_is_not_counted(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    it = architecture(Spectral(), (3, 8, 8), title="spectral")
    assert it.macs == COUNTED
    report = tiny_report(tmp_path / "store")
    first, second, *rest = report.all_layers
    layers = (replace(first, uncounted=True, macs=5000), replace(second, uncounted=True, macs=0), *rest)
    only = architecture(nn.Sequential(Fourier()), (3, 8, 8), title="fourier")
    built = rebuild(replace(report, architecture=it, all_layers=layers, others=(only,)), tmp_path)

    with opened(browser, (built.site / "layers/index.html").as_uri(), base=built.site.as_uri()) as seen:
        said = seen.page.locator("tbody td.ca-meter").all_inner_texts()
        assert [one for one in said if "≥" in one] == [f"≥ {short(5000)}"]
        assert said.count("not counted") == 1
        seen.check()

    with opened(browser, (built.site / "networks.html").as_uri(), base=built.site.as_uri()) as seen:
        sums = seen.page.locator(".nw-sums table").first.locator("tbody tr").nth(1).locator("td").all_inner_texts()
        assert [sums[0][:2], sums[1], sums[2]] == ["≥ ", "not counted", ""]
        cells = seen.page.locator(".nw-blocks tbody tr td:nth-child(5)").all_inner_texts()
        assert "not counted" in cells and any(one.startswith("≥ ") for one in cells)
        assert "11.8 k" in " ".join(cells)  # the LSTM's
        seen.check()
    csv = next((built.site / "networks").glob("*.csv")).read_text("utf-8")
    assert "not counted" in csv
    drawn = next((built.site / "networks").glob("*.svg")).read_text("utf-8")
    assert "not counted" in drawn and "≥ " in drawn

    with opened(browser, (built.site / "architecture.html").as_uri(), base=built.site.as_uri()) as seen:
        page = seen.page
        page.wait_for_selector(".gr-row-conv")
        assert page.locator("tfoot td", has_text="≥ ").count() == 1
        costs = {
            row.get_attribute("data-id"): row.inner_text().replace(" ", " ")
            for row in page.locator("tr[data-id]").all()
        }
        assert "not counted" in costs["F.fft_fft2"]
        assert "≥ 1.02 k" in costs["mix"]
        assert "11.8 k" in costs["lstm"]
        assert f"{COUNTED:,}" in page.content()
        seen.check()


class Fourier(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.fft2(x).real
