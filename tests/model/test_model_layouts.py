"""Maps that are not (n, c, h, w): which layers have them, how they are read, and whether the scores read their places."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from generator.engine.capture import capturing
from generator.engine.grids import Grid, as_map, from_map, outside
from generator.engine.rules import RuleBook
from generator.model.describe import Description, describe
from generator.names import LayerName
from generator.selectors import select_layers

HEIGHT, WIDTH = 12, 20
"""In patches of 4 x 4: 3 x 5."""


class ViT(nn.Module):
    """Patches as tokens between `front` and `back` others, two encoder blocks, and a head that `reads` the tokens."""

    def __init__(
        self,
        front: int = 1,
        back: int = 0,
        first: bool = False,
        reads: Callable[[Tensor], Tensor] = lambda tokens: tokens[:, 0],
    ) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.patch = nn.Conv2d(3, 8, 4, stride=4)
        self.front, self.back = nn.Parameter(torch.randn(1, front, 8)), nn.Parameter(torch.randn(1, back, 8))
        self.place = nn.Parameter(torch.randn(1, 15 + front + back, 8))
        self.blocks = nn.Sequential(
            *(nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=not first) for _ in range(2))
        )
        self.fc, self.first, self.reads = nn.Linear(8, 5), first, reads

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.front.expand(len(y), -1, -1), y, self.back.expand(len(y), -1, -1)], dim=1) + self.place
        y = self.blocks(y.transpose(0, 1)).transpose(0, 1) if self.first else self.blocks(y)
        return self.fc(self.reads(y))


class Windows(nn.Module):
    """Channels last; attention within windows of 2 x 2, shifted by one, taken apart and put together by reshaping."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.norm = nn.Conv2d(3, 8, 4, stride=4), nn.LayerNorm(8)
        self.attention, self.mix, self.fc = (
            nn.MultiheadAttention(8, 2, batch_first=True),
            nn.Linear(8, 8),
            nn.Linear(8, 5),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x).permute(0, 2, 3, 1)
        n, h, w, c = y.shape
        z = torch.roll(self.norm(y), (-1, -1), (1, 2)).view(n, h // 2, 2, w // 2, 2, c)
        z = z.permute(0, 1, 3, 2, 4, 5).reshape(n * h * w // 4, 4, c)
        z = self.attention(z, z, z)[0]
        z = z.view(n, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        y = y + self.mix(torch.roll(z, (1, 1), (1, 2)))
        return self.fc(y.mean((1, 2)))


def described(model: nn.Module, height: int = HEIGHT, width: int = WIDTH) -> Description:
    return describe(model.eval(), (3, height, width))


def outputs(model: nn.Module, found: Description, x: Tensor) -> dict[LayerName, Tensor]:
    """Every layer's output as a map."""
    names = frozenset(found.by_name)
    with torch.no_grad(), capturing(model, names, book=RuleBook(intercept=False), copies=found.overwritten) as kept:
        model(x)
    return {name: as_map(value, found.grids.get(name)) for name, value in kept.items()}


@pytest.mark.parametrize(("front", "back"), [(0, 0), (1, 0), (2, 3), (0, 1)])
@pytest.mark.parametrize("first", [False, True])
def test_tokens_are_found_with_those_that_have_no_place(front: int, back: int, first: bool) -> None:
    model = ViT(front, back, first, lambda tokens: tokens.mean(1))
    found = described(model)
    inside = Grid(3, 5, tokens=True, prefix=front, first=first)
    assert {found.grids[layer.name] for layer in found.layers if layer.name.startswith("blocks")} == {inside}
    assert found.by_name[LayerName("blocks.1")].shape == (8, 3, 5)
    assert [layer.name for layer in select_layers("stage_ends", found.layers)] == ["blocks"]
    x = torch.randn(2, 3, HEIGHT, WIDTH)
    maps = outputs(model, found, x)
    assert {name: value.shape[1:] for name, value in maps.items()} == {
        layer.name: layer.shape for layer in found.layers
    }
    tokens = model.patch(x).flatten(2).transpose(1, 2) + model.place[:, front : front + 15]
    torch.testing.assert_close(maps[LayerName("F.add")], tokens.transpose(1, 2).unflatten(2, (3, 5)))


@pytest.mark.parametrize(("build", "height", "width"), [(ViT, 12, 20), (Windows, 16, 24)])
def test_a_patch_of_the_image_changes_its_own_place_of_the_map_most(
    build: Callable[[], nn.Module], height: int, width: int
) -> None:
    model = build()
    found = described(model, height, width)
    x = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(2))
    before = outputs(model, found, x)
    row, column = 2, 3
    x[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 3
    compared = 0
    for name, after in outputs(model, found, x).items():
        if found.by_name[name].kind in ("linear", "attention"):
            continue  # inside a block, what attention found elsewhere may weigh more
        change = (after - before[name]).abs().sum(dim=1)[0]
        assert divmod(int(change.argmax()), change.shape[1]) == (row, column), name
        compared += 1
    assert compared > 2


def test_windows_are_known_by_the_shortcut_that_they_are_added_to() -> None:
    found = described(Windows(), 16, 24)
    assert [(layer.name, layer.shape) for layer in found.layers] == [
        ("patch", (8, 4, 6)),
        ("norm", (8, 4, 6)),
        ("F.roll@2", (8, 4, 6)),
        ("mix", (8, 4, 6)),
        ("F.add", (8, 4, 6)),
    ]
    assert set(found.grids.values()) == {Grid(4, 6)}
    assert found.facts.head_layer == "F.add"


class Reorders(nn.Module):
    """What is done to tokens (1, 15, 8) is up to `how`; a norm follows."""

    def __init__(self, how: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.patch, self.norm, self.fc, self.how = nn.Conv2d(3, 8, 4, stride=4), nn.LayerNorm(8), nn.Linear(8, 5), how

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.how(self.patch(x).flatten(2).transpose(1, 2)))
        return self.fc(y.flatten(1, -2).mean(1))


KEPT: dict[str, tuple[Callable[[Tensor], Tensor], Grid | None]] = {
    "left alone": (lambda t: t, Grid(3, 5, True)),
    "to rows and columns": (lambda t: t.reshape(len(t), 3, 5, 8), Grid(3, 5)),
    "and back": (lambda t: t.reshape(len(t), 3, 5, 8).flatten(1, 2), Grid(3, 5, True)),
    "to heads and back": (
        lambda t: t.unflatten(2, (2, 4)).transpose(1, 2).transpose(1, 2).flatten(2),
        Grid(3, 5, True),
    ),
    "one of three": (lambda t: t.repeat_interleave(1, 2).mul(2).unsqueeze(0).unbind(0)[0], Grid(3, 5, True)),
    "unbound": (lambda t: torch.cat((t, t), 2).unflatten(2, (2, 8)).unbind(2)[1], Grid(3, 5, True)),
    "halves of channels": (lambda t: torch.cat(t.chunk(2, dim=2), 2), Grid(3, 5, True)),
    "class token in front": (lambda t: torch.cat((t.new_zeros(1, 1, 8), t), 1), Grid(3, 5, True, 1)),
    "in front and off again": (lambda t: torch.cat((t.new_zeros(1, 2, 8), t), 1)[:, 1:], Grid(3, 5, True, 1)),
    "behind and off again": (lambda t: torch.cat((t, t.new_zeros(1, 2, 8)), 1)[:, :-1], Grid(3, 5, True)),
    "a mean in front": (lambda t: torch.cat((t.mean(1, keepdim=True), t), 1), Grid(3, 5, True, 1)),
    "to columns and rows": (lambda t: t.reshape(len(t), 5, 3, 8), None),
    "read column by column": (lambda t: t.reshape(len(t), 3, 5, 8).transpose(1, 2).flatten(1, 2), None),
    "some left out": (lambda t: t[:, 1:], None),
    "every second": (lambda t: t[:, ::2], None),
    "cut in three": (lambda t: t.chunk(3, dim=1)[0], None),
    "chosen by number": (lambda t: t[:, torch.arange(15).flip(0)], None),
    "turned round": (lambda t: t.flip(1), None),
    "twice": (lambda t: torch.cat((t, t), 1), None),
    "padded": (lambda t: nn.functional.pad(t, (0, 0, 1, 0)), None),
}


@pytest.mark.parametrize("how", KEPT)
def test_only_what_is_certain_is_a_map(how: str) -> None:
    change, grid = KEPT[how]
    found = described(Reorders(change))
    assert found.grids.get(LayerName("norm")) == grid
    assert (LayerName("norm") in found.by_name) == (grid is not None)


def test_behind_its_last_attention_a_class_token_reads_no_places() -> None:
    found = described(ViT())
    unread = [layer.name for layer in found.layers if not layer.read]
    assert unread[0] == "blocks.1.self_attn"
    assert {"blocks.1.norm1", "blocks.1.linear1", "blocks.1.norm2", "blocks.1", "blocks"} <= set(unread)
    assert [layer.name for layer in select_layers("stage_ends", found.layers)] == ["blocks.0"]


@pytest.mark.parametrize(
    ("reads", "front", "last"),
    [
        (lambda t: t[:, 1], 2, "blocks.0"),
        (lambda t: t[:, :2].mean(1), 2, "blocks.0"),
        (lambda t: t[:, :2].mean(1), 1, "blocks"),
        (lambda t: t[:, 1:].mean(1), 1, "blocks"),
        (lambda t: t[:, 0] + t[:, 1:].mean(1), 1, "blocks"),
        (lambda t: t[:, -1], 1, "blocks"),
    ],
    ids=["second token", "two tokens", "one token and a place", "places", "both", "last token"],
)
def test_what_a_head_reads_of_tokens(reads: Callable[[Tensor], Tensor], front: int, last: str) -> None:
    found = described(ViT(front, reads=reads))
    assert [layer.name for layer in select_layers("stage_ends", found.layers)] == [last]
    # told apart another way: by the gradient of the scores at the places of the last block
    model = ViT(front, reads=reads).eval().requires_grad_(False)
    x = torch.randn(1, 3, HEIGHT, WIDTH, requires_grad=True)
    with capturing(model, {"blocks"}, book=RuleBook(intercept=False)) as kept:
        scores = model(x)
    (gradient,) = torch.autograd.grad(scores.square().sum(), kept[LayerName("blocks")])
    assert bool(as_map(gradient, found.grids[LayerName("blocks")]).any()) == (last == "blocks")


def test_an_auxiliary_head_is_not_read() -> None:
    class Auxiliary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.main, self.aux = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.Conv2d(4, 5, 1)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            y = self.trunk(x)
            return {"aux": self.aux(y).mean((2, 3)), "logits": self.main(y).mean((2, 3))}

    found = described(Auxiliary())
    assert {layer.name: layer.read for layer in found.layers} == {"trunk": True, "main": True, "aux": False}
    assert [layer.name for layer in select_layers("last_conv", found.layers)] == ["main"]
    other = describe(Auxiliary().eval(), (3, HEIGHT, WIDTH), output="aux")
    assert {layer.name: layer.read for layer in other.layers} == {"trunk": True, "main": False, "aux": True}


def test_grids_by_hand() -> None:
    map_ = torch.arange(12.0).reshape(1, 2, 2, 3)  # unit 0: 0..5, unit 1: 6..11
    last = torch.tensor([[0.0, 6], [1, 7], [2, 8], [3, 9], [4, 10], [5, 11]])
    assert torch.equal(from_map(map_, last, Grid(2, 3)), last.reshape(1, 2, 3, 2))
    assert torch.equal(as_map(last.reshape(1, 2, 3, 2), Grid(2, 3)), map_)
    around = torch.cat([torch.full((1, 2), -1.0), last, torch.full((2, 2), -2.0)])
    for first, own in ((False, around[None]), (True, around[:, None])):
        grid = Grid(2, 3, True, 1, first)
        assert torch.equal(as_map(own, grid), map_)
        assert torch.equal(from_map(map_, own * 1, grid), own)
        assert torch.equal(outside(own, grid), torch.tensor([[[-1.0, -1], [-2, -2], [-2, -2]]]))
        two = from_map(torch.cat([map_, map_ * 2]), own, grid)
        assert torch.equal(as_map(two, grid)[1], map_[0] * 2)
        assert torch.equal(outside(two, grid)[1], outside(own, grid)[0])
    assert as_map(map_, None) is map_
    assert from_map(map_, map_, None) is map_
    assert not len(outside(map_, None))
