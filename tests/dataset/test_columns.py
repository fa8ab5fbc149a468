"""The sample of columns: uniform, the same whatever the batches, and the lowest priorities of all."""

import numpy as np

from generator.dataset.columns import OFFERED, Draw, offers


def sampled(images: range, batch: int, places: int = 100, size: int = 50) -> tuple[Draw, dict[int, tuple[int, int]]]:
    """The draw, and slot -> (image, place) after all batches."""
    draw = Draw(places, size, seed=7)
    held: dict[int, tuple[int, int]] = {}
    numbers = list(images)
    for at in range(0, len(numbers), batch):
        part = numbers[at : at + batch]
        accepted = draw.accept(part)
        assert len(set(accepted.slots.tolist())) == len(accepted.slots)
        for slot, row, place in zip(accepted.slots, accepted.rows, accepted.places, strict=True):
            held[int(slot)] = (part[row], int(place))
    return draw, held


def test_it_holds_the_lowest_priorities_of_all_that_was_offered():
    draw, held = sampled(range(30), 4)
    every = sorted(
        (priority, image, place)
        for image in range(30)
        for place, priority in zip(*map(np.ndarray.tolist, offers(image, 100, 7)), strict=True)
    )
    assert set(held.values()) == {(image, place) for _, image, place in every[:50]}
    assert np.allclose(np.sort(draw.priorities()), [priority for priority, _, _ in every[:50]])


def test_batches_and_order_do_not_matter():
    one, eight = sampled(range(40), 1)[1], sampled(range(40), 8)[1]
    assert set(one.values()) == set(eight.values())
    draw = Draw(100, 50, 7)
    backwards = {}
    for image in reversed(range(40)):
        accepted = draw.accept([image])
        backwards.update({int(s): (image, int(p)) for s, p in zip(accepted.slots, accepted.places, strict=True)})
    assert set(backwards.values()) == set(one.values())


def test_small_maps_offer_every_place_and_large_ones_no_place_twice():
    assert offers(3, 9, 0)[0].tolist() == list(range(9))
    chosen, priorities = offers(3, 10_000, 0)
    assert len(set(chosen.tolist())) == len(priorities) == OFFERED
    assert not np.array_equal(chosen, offers(4, 10_000, 0)[0])
    assert not np.array_equal(priorities, offers(3, 10_000, 1)[1])


def test_late_images_are_taken_as_often_as_early_ones():
    held = sampled(range(400), 8, places=400, size=500)[1]
    halves = np.bincount([image // 200 for image, _ in held.values()], minlength=2)
    # 500 fair coins: 250 +- 11; five deviations
    assert abs(int(halves[0]) - 250) < 56
