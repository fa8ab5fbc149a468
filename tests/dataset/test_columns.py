"""The sample of columns: uniform, the same whatever the batches, and the lowest priorities of all."""

import numpy as np

from generator.dataset.columns import OFFERED, Accepted, Draw, offers, priorities


def told(accepted: Accepted, width: int) -> list[tuple[int, int, int]]:
    """(slot, image of the batch, place)"""
    places = accepted.at_row * width + accepted.at_column
    return list(zip(accepted.slots.tolist(), accepted.rows.tolist(), places.tolist(), strict=True))


def sampled(images: range, batch: int, width: int = 10, size: int = 50) -> tuple[Draw, dict[int, tuple[int, int]]]:
    """The draw, and slot -> (image, place) after all batches."""
    draw = Draw(10, width, size, seed=7)
    held: dict[int, tuple[int, int]] = {}
    numbers = list(images)
    for at in range(0, len(numbers), batch):
        part = numbers[at : at + batch]
        accepted = draw.accept(part)
        assert len(set(accepted.slots.tolist())) == len(accepted.slots)
        held.update({slot: (part[row], place) for slot, row, place in told(accepted, width)})
    return draw, held


def test_it_holds_the_lowest_priorities_of_all_that_was_offered():
    draw, held = sampled(range(30), 4)
    every = sorted(
        (priority, image, place)
        for image in range(30)
        for place, priority in zip(offers(image, 100, 7).tolist(), priorities(image, 7).tolist(), strict=True)
    )
    assert set(held.values()) == {(image, place) for _, image, place in every[:50]}
    assert [held[slot] for slot in draw.slots.tolist()] == [(image, place) for _, image, place in every[:50]]


def test_batches_and_order_do_not_matter():
    one, eight = sampled(range(40), 1)[1], sampled(range(40), 8)[1]
    assert set(one.values()) == set(eight.values())
    draw = Draw(10, 10, 50, 7)
    backwards = {}
    for image in reversed(range(40)):
        backwards.update({slot: (image, place) for slot, _, place in told(draw.accept([image]), 10)})
    assert set(backwards.values()) == set(one.values())


def test_small_maps_offer_every_place_and_large_ones_no_place_twice():
    assert offers(3, 9, 0).tolist() == list(range(9))
    chosen = offers(3, 10_000, 0)
    assert len(set(chosen.tolist())) == OFFERED
    assert not np.array_equal(chosen, offers(4, 10_000, 0))
    assert not np.array_equal(chosen, offers(3, 10_000, 1))
    assert len(priorities(3, 0)) == OFFERED
    assert not np.array_equal(priorities(3, 0), priorities(3, 1))


def test_every_place_is_offered_as_often_as_any_other():
    counts = np.bincount(np.concatenate([offers(image, 196, 0) for image in range(3000)]), minlength=196)
    # 3,000 times 64 of 196: 980 +- 26 at each place; five deviations
    assert len(counts) == 196
    assert np.abs(counts - 3000 * 64 / 196).max() < 128


def test_late_images_are_taken_as_often_as_early_ones():
    held = sampled(range(400), 8, width=40, size=500)[1]
    halves = np.bincount([image // 200 for image, _ in held.values()], minlength=2)
    # 500 fair coins: 250 +- 11; five deviations
    assert abs(int(halves[0]) - 250) < 56
