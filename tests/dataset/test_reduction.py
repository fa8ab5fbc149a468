"""What is kept of a layer: means, maxima, histograms, correlations and selectivity, by hand and beside numpy."""

import numpy as np
import pytest
import torch

from generator.dataset.answers import NONE, Answers
from generator.dataset.columns import Draw
from generator.dataset.health import Mark, marks
from generator.dataset.peaks import peaks
from generator.dataset.reduction import ALIKE, BINS, Reduction, effective_rank, histograms, most_alike
from generator.names import Layer, LayerName


def reduced(A: torch.Tensor, batch: int = 3, classes: list[int | None] | None = None, k: int = 4) -> Answers:
    state, draw = Reduction.start(A.shape[1], k), Draw(A.shape[2], A.shape[3], 512, 0)
    for at in range(0, len(A), batch):
        part = A[at : at + batch]
        numbers = list(range(at, at + len(part)))
        state.update(peaks(part), torch.tensor(numbers), draw.accept(numbers))
        state.classed([] if classes is None else classes[at : at + len(part)])
    return state.finish(draw.slots)


def test_mean_maximum_and_list_are_those_of_all_places():
    A = torch.randn(10, 6, 5, 4, generator=torch.Generator().manual_seed(0))
    found = reduced(A)
    assert np.allclose(found.mean, A.mean(dim=(0, 2, 3)).numpy(), atol=1e-6)
    assert np.array_equal(found.highest, A.amax(dim=(0, 2, 3)).numpy())
    assert np.array_equal(found.values, A.amax(dim=(2, 3)).T.sort(dim=1, descending=True).values[:, :4].numpy())
    assert found.seen == 10
    assert found.broken == 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("side", [3, 24])
def test_the_layout_in_memory_changes_nothing(layout: torch.memory_format, side: int):
    A = torch.randn(4, 8, side, side, generator=torch.Generator().manual_seed(1))
    one, other = reduced(A), reduced(A.contiguous(memory_format=layout))
    assert np.array_equal(one.values, other.values)
    assert np.array_equal(one.places, other.places)
    assert np.array_equal(one.images, other.images)
    assert np.allclose(one.mean, other.mean, atol=1e-6)


def test_of_a_small_set_the_sample_is_everything():
    A = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(2)).clamp(min=0)  # 54 places of 512
    found = reduced(A)
    flat = A.transpose(0, 1).flatten(1).numpy()
    assert np.allclose(found.sparsity, (flat <= 0).mean(axis=1))
    assert found.histogram.sum(axis=1).tolist() == [54] * 3
    for unit in range(3):
        counts, _ = np.histogram(flat[unit], BINS, (found.histogram_lo[unit], found.histogram_hi[unit]))
        assert (
            np.abs(counts - found.histogram[unit].astype(int)).sum() <= 2
        )  # a value on a bin's edge may go either way
    expected = np.corrcoef(flat)
    for unit in range(3):
        for other, r in zip(found.alike[unit], found.correlation[unit], strict=True):
            if other != NONE:
                assert r == pytest.approx(expected[unit, other], abs=1e-5)


def test_a_unit_that_is_off_answers_to_nothing():
    A = torch.rand(5, 2, 2, 2, generator=torch.Generator().manual_seed(3))
    A[:, 1] = 0
    A[0, 0] = 0
    found = reduced(A, k=5)
    assert (found.images[1] == NONE).all()
    assert 0 not in found.images[0]
    assert (found.images[0] != NONE).sum() == 4
    assert found.highest[1] == 0
    assert found.sparsity[1] == 1


def test_nothing_raises_a_unit_that_gives_one_value_everywhere():
    A = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(3)) - 0.5
    A[:, 1] = -5  # a convolution without weights: its bias
    A[:, 2] = -5
    A[4, 2, 3, 3] = -4  # moves at one place of one image
    found = reduced(A, k=5)
    assert (found.images[1] == NONE).all()
    assert found.highest[1] == -5
    assert found.images[2, 0] == 4
    assert (found.images[0] != NONE).all()
    few = reduced(A[:, :, :1, :1], k=5)  # five places: that all are alike tells nothing
    assert (few.images[1] != NONE).all()


def test_values_that_are_no_numbers_are_counted_and_left_out():
    A = torch.rand(4, 2, 2, 2, generator=torch.Generator().manual_seed(4))
    A[2, 0, 1, 1] = torch.nan
    A[3, 1, 0, 0] = torch.inf
    found = reduced(A, batch=2)
    assert found.broken == 2
    assert 2 not in found.images[0]
    assert 3 not in found.images[1]
    means = A.mean(dim=(2, 3))
    expected = [means[[0, 1, 3], 0].mean(), means[[0, 1, 2], 1].mean()]  # of the images that gave numbers
    assert np.allclose(found.mean, expected)
    assert np.isfinite(found.values).all()


def test_histograms_by_hand():
    lo, hi, counts = histograms(np.array([[0.0, 1.0, 1.0, 24.0], [5.0, 5.0, 5.0, 5.0]], np.float32))
    assert lo.tolist() == [0, 5]
    assert hi.tolist() == [24, 5]
    assert counts[0].tolist() == [1, 2, *[0] * (BINS - 3), 1]
    assert counts[1].tolist() == [4, *[0] * (BINS - 1)]


def test_a_histogram_reaches_from_one_end_of_the_numbers_to_the_other():
    largest = np.finfo(np.float32).max
    lo, hi, counts = histograms(np.array([[-largest, 0.0, 1.0, largest], [0.0, 1.0, 1.0, 24.0]], np.float32))
    assert (lo.tolist(), hi.tolist()) == ([-largest, 0], [largest, 24])
    assert counts[0].tolist() == [1, *[0] * (BINS // 2 - 1), 2, *[0] * (BINS // 2 - 2), 1]
    assert counts[1].tolist() == [1, 2, *[0] * (BINS - 3), 1]


def test_a_histogram_is_of_finite_numbers():
    nan, inf = np.nan, np.inf
    rows = [[nan, 1.0, 1.0, 24.0, 0.0], [-inf, -5.0, -4.95, inf, nan], [nan, inf, -inf, nan, nan]]
    lo, hi, counts = histograms(np.array(rows, np.float32))
    assert lo.tolist() == pytest.approx([0, -5, 0])
    assert hi.tolist() == pytest.approx([24, -4.95, 0])
    assert counts[0].tolist() == [1, 2, *[0] * (BINS - 3), 1]
    assert counts[1].tolist() == [1, *[0] * (BINS - 2), 1]
    assert not counts[2].any()
    lo, hi, counts = histograms(np.zeros((2, 0), np.float32))
    assert (lo.tolist(), hi.tolist(), counts.any()) == ([0, 0], [0, 0], False)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_images_that_give_no_numbers_count_in_nothing(bad: float):
    """Half of the images are broken for all units but the last: the rest says the same as if those had not been."""
    gen = torch.Generator().manual_seed(11)
    A = torch.rand(40, 5, 4, 3, generator=gen) / 10
    A[:, 0] = -5 + A[:, 0] / 2  # off everywhere
    A[:, 1] = A[:, 1].clamp(min=0) + 5  # always near 5
    A[:, 2] = (20 * A[:, 2] - 1).clamp(min=0)  # on at half of all places
    A[:, 3] = 0.05
    whole, part = A.clone(), A[1::2]
    whole[::2, :4] = bad
    found, expected = reduced(whole), reduced(part)
    assert (found.sampled, expected.sampled) == (480, 240)  # all places
    for name in ("sparsity", "at_top", "histogram_lo", "histogram_hi", "histogram", "mean"):
        assert np.array_equal(getattr(found, name)[:4], getattr(expected, name)[:4]), name
    assert found.sparsity[:2].tolist() == [1, 0]
    assert found.at_top[3] == 1
    assert found.histogram.sum(axis=1).tolist() == [240] * 4 + [480]
    assert np.isfinite(found.scale)
    if np.isnan(bad):
        assert found.highest[0] < 0
        assert np.array_equal(found.highest[:4], expected.highest[:4])
    # what no image gives is no likeness: units 0 and 1 go together no more than by chance
    assert np.abs(found.correlation[:3]).max() < 0.3
    for unit in range(3):
        pairs = dict(zip(expected.alike[unit].tolist(), expected.correlation[unit].tolist(), strict=True))
        for other, r in zip(found.alike[unit].tolist(), found.correlation[unit].tolist(), strict=True):
            if other in range(3):
                assert r == pytest.approx(pairs[other], abs=1e-5)


def test_the_rank_and_the_scale_are_of_numbers():
    A = torch.zeros(20, 2, 4, 4)
    A[:10, 0], A[:10, 1] = 3, -4
    A[10:] = torch.nan
    found = reduced(A)
    assert found.scale == pytest.approx(12.5**0.5)
    assert found.rank == 0  # at all places the same
    assert np.isnan(reduced(torch.full((20, 2, 4, 4), torch.nan)).scale)


def test_units_that_answer_alike_by_hand():
    columns = torch.tensor([[0.0, 1, 2, 3], [0.0, 2, 4, 6], [3.0, 2, 1, 0], [7.0, 7, 7, 7]])
    other, r = most_alike(columns)
    assert other.shape == (4, ALIKE)
    assert other[0, :2].tolist() == [1, 2]
    assert r[0, :2].tolist() == pytest.approx([1, -1])
    assert (other[3] == NONE).all(), "a constant unit goes with nothing"
    assert 3 not in other[0].tolist()


def test_blocks_of_units_give_the_same():
    columns = torch.randn(50, 30, generator=torch.Generator().manual_seed(5))
    one, few = most_alike(columns), most_alike(columns, block=7)
    assert np.array_equal(one[0], few[0])
    assert np.allclose(one[1], few[1], atol=1e-6)


def test_classes_reach_the_units():
    A = torch.zeros(44, 2, 2, 2)
    A[:20, 0] = 3
    A[20:40, 1] = 5
    found = reduced(A, classes=[7] * 20 + [1] * 20 + [None] * 4)
    assert found.chosen.tolist() == [7, 1]
    assert found.selectivity.tolist() == [1, 1]


def test_an_image_that_gave_no_number_is_no_image_of_its_class():
    A = torch.ones(41, 1, 2, 2)
    A[20:] = 3
    A[40, 0, 0, 0] = torch.nan
    found = reduced(A, classes=[7] * 20 + [1] * 21)  # means 1 and 3, of the second class by twenty images
    assert found.chosen.tolist() == [1]
    assert found.selectivity.tolist() == pytest.approx([(3 - 1) / (3 + 1)])


def test_a_value_of_minus_infinity_breaks_an_image_though_its_unit_enters_no_list():
    A = torch.rand(9, 2, 2, 2, generator=torch.Generator().manual_seed(8))
    A[8] = -torch.inf
    found = reduced(A, batch=9, k=2)
    assert found.broken == 1
    assert np.allclose(found.mean, A[:8].mean(dim=(0, 2, 3)))


def test_the_rank_does_not_depend_on_the_order_of_images():
    """Half of the images are blank: whichever came first, a few columns are a sample of all."""
    noise = torch.randn(4, 40, 24, 24, generator=torch.Generator().manual_seed(9))
    blank, ranks = torch.zeros(4, 40, 24, 24), []
    for halves in ((noise, blank), (blank, noise)):
        A = torch.cat(halves)
        state, draw = Reduction.start(40, 4), Draw(24, 24, 512, 0)
        state.update(peaks(A), torch.arange(8), draw.accept(range(8)))
        found = state.finish(draw.slots)
        assert found.sampled == 512
        ranks.append(found.rank)
    assert ranks[0] == pytest.approx(ranks[1], rel=0.1)
    assert ranks[0] > 30


def test_from_the_first_image_that_leaves_it_at_zero_a_unit_answers_to_no_more():
    A = torch.zeros(5, 2, 1, 1)
    A[:, 0, 0, 0] = torch.tensor([2.0, 0, 1, 0, -1])
    A[:, 1, 0, 0] = torch.tensor([-3.0, -2, -1, -4, -5])
    assert reduced(A).images.tolist() == [[0, 2, NONE, NONE], [2, 1, 0, 3]]


def test_a_unit_that_gave_no_number_on_any_image_has_no_mean_and_no_mark():
    A = torch.rand(8, 2, 6, 6, generator=torch.Generator().manual_seed(10))
    A[:, 0] = torch.nan
    found = reduced(A)
    assert np.isnan(found.mean).tolist() == [True, False]
    assert np.isnan(found.sparsity).tolist() == [True, False]
    layer = Layer(LayerName("a"), "act", "ReLU", (2, 6, 6), 0, 0, None, None, None, 0, "a")
    assert marks(found, layer).tolist() == [0, Mark.ALWAYS_ON]


def test_effective_rank_by_hand():
    # after the mean is taken: rank one, whatever the scale
    assert effective_rank(torch.tensor([[1.0, 2, 3], [2.0, 4, 6]])) == pytest.approx(1)
    # two equal singular values: exp(log 2)
    assert effective_rank(torch.tensor([[1.0, -1, 0, 0], [0.0, 0, 1, -1]])) == pytest.approx(2)
    # shares 3/4 and 1/4
    expected = np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert effective_rank(torch.tensor([[3.0, -3, 0, 0], [0.0, 0, 1, -1]])) == pytest.approx(expected)
    assert effective_rank(torch.full((2, 5), 3.0)) == 0


def test_more_units_than_columns_give_the_same_rank():
    columns = torch.randn(40, 12, generator=torch.Generator().manual_seed(7))
    centred = columns - columns.mean(dim=1, keepdim=True)
    singular = torch.linalg.svdvals(centred.double())
    share = singular[singular > 1e-9] / singular.sum()
    assert effective_rank(columns) == pytest.approx(float((-(share * share.log()).sum()).exp()), rel=1e-4)


def test_scale_and_share_at_the_top_by_hand():
    A = torch.zeros(1, 2, 2, 2)
    A[0, 0] = torch.tensor([[6.0, 6.0], [6.0, 0.0]])
    A[0, 1] = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    found = reduced(A)
    assert found.at_top.tolist() == [0.75, 0.25]
    assert found.scale == pytest.approx(((3 * 36 + 1 + 4) / 8) ** 0.5)
    assert found.sampled == 4
