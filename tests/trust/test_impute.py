"""Filled-in pixels: by hand, and against the linear systems of grad-cam and quantus."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from quantus.functions.perturb_func import noisy_linear_imputation
from torch import Tensor
from torch.nn.functional import interpolate

from generator.trust.impute import imputed
from tests.methods.examples import exactly, photo, same


def blob(size: tuple[int, int], seed: int = 0) -> Tensor:
    coarse = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return interpolate(coarse, size=size, mode="bilinear")[0, 0]


def test_two_pixels_at_the_edge_by_hand():
    # one row: a pixel has its neighbours left and right alone, each with half of the weight that is left
    x = torch.tensor([[[3.0, 50.0, 50.0, 9.0, 1.0]]], dtype=torch.float64)
    missing = torch.tensor([[False, True, True, False, False]])
    # a = (3 + b) / 2, b = (a + 9) / 2: a = 5, b = 7
    same(imputed(x, missing, tolerance=1e-12), torch.tensor([[[3, 5, 7, 9, 1]]]))
    at_the_end = torch.tensor([[False, False, False, True, True]])
    same(imputed(x, at_the_end, tolerance=1e-12), torch.tensor([[[3, 50, 50, 50, 50]]]))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["blob", "noise"])
def test_equals_grad_cams_sparse_solution(share: float, kind: str):
    x = photo(1, height=61, width=48)[0]
    map_ = blob((61, 48)) if kind == "blob" else torch.rand(61, 48, generator=torch.Generator().manual_seed(1))
    missing = map_ > map_.flatten().quantile(1 - share)
    expected = NoisyLinearImputer(noise=0)(x, (~missing).float())
    same(imputed(x.double(), missing, tolerance=1e-10), expected)  # theirs is kept in float32


def test_equals_quantus():
    x = photo(1, height=32, width=32)[0].double()
    missing = blob((32, 32), 2) > 0.5
    indices = np.flatnonzero(missing.numpy())
    expected = noisy_linear_imputation(x.numpy(), indices, noise=0)
    same(imputed(x, missing, tolerance=1e-12), torch.from_numpy(expected), relative=1e-9)


def test_the_ordinary_tolerance_is_below_a_gray_level():
    x = photo(1, height=224, width=224)[0]
    missing = blob((224, 224), 3) > 0.4
    close, exact = imputed(x, missing), imputed(x.double(), missing, tolerance=1e-10)
    # 256 levels over the four standard deviations and more that a photograph spans
    assert float((close - exact).abs().max()) < 4 / 256 * float(x.std())
    assert not torch.equal(close.double(), exact)


def test_known_pixels_are_kept_and_missing_ones_are_not_read():
    x = photo(1, height=24, width=24)[0]
    missing = blob((24, 24)) > 0.6
    filled = imputed(x, missing)
    exactly(filled[:, ~missing], x[:, ~missing])
    spoilt = torch.where(missing, float("nan"), x)
    exactly(imputed(spoilt, missing), filled)


def test_nothing_missing_and_everything_missing():
    x = torch.rand(1, 4, 4)
    exactly(imputed(x, torch.zeros(4, 4, dtype=torch.bool)), x)
    with pytest.raises(ValueError, match="at least one pixel"):
        imputed(x, torch.ones(4, 4, dtype=torch.bool))


def test_one_known_pixel_fills_the_picture_and_a_flat_channel_stays_flat():
    x = torch.stack([torch.rand(9, 7), torch.full((9, 7), 2.0)])
    missing = torch.ones(9, 7, dtype=torch.bool)
    missing[4, 3] = False
    same(imputed(x, missing, tolerance=1e-6), x[:, 4:5, 3:4].expand(2, 9, 7), relative=1e-4)
