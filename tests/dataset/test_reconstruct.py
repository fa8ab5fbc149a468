"""Units and places sent back to the pixels together: the same as one by one, and as captum has them."""

import captum.attr
import pytest
import torch
import torchvision
from torch import Tensor, nn

from generator.dataset.reconstruct import Start, backwards, cut, reconstruct, rounds, seen_from
from generator.engine.passes import Engine
from generator.library import engine_for
from generator.model.describe import Description, describe
from generator.names import LayerName
from tests.methods.examples import alive, out_of_place, photo, vgg11
from tests.model.test_model_receptive_enlarged import Resized

RULES = ("deconv_unpool", "guided")


def parts(model: nn.Module, x: Tensor) -> tuple[Engine, Description]:
    description = describe(model, tuple(x.shape[1:]))
    return engine_for(model, description), description


def starts_of(description: Description, names: list[str], each: int) -> list[Start]:
    """`each` starts at each layer, spread over its map."""
    found = []
    for name in names:
        c, h, w = description.by_name[LayerName(name)].shape
        for k in range(each):
            place = (k * 7919 + 3) % (h * w)
            found.append(Start(LayerName(name), k % c, place // w, place % w))
    return list(dict.fromkeys(found))


def singly(engine: Engine, description: Description, x: Tensor, start: Start) -> dict[str, Tensor]:
    planned = [rounds([start], dict(description.by_name), tuple(x.shape[2:]))]
    return {rule: back for _, _, rule, back in reconstruct(engine, x, planned, RULES)}


@pytest.mark.parametrize("name", ["vgg11", "resnet18", "alexnet", "squeezenet1_1", "mobilenet_v2"])
def test_what_shares_a_round_is_what_it_is_alone(name: str):
    model = vgg11() if name == "vgg11" else alive(torchvision.models.get_model(name, weights=None, num_classes=10))
    x = photo(1)
    engine, description = parts(model, x)
    convs = [layer.name for layer in description.layers if layer.kind == "conv"]
    starts = starts_of(description, [convs[0], convs[1], convs[len(convs) // 2]], 12)
    planned = [rounds(starts, dict(description.by_name), (64, 64))]
    assert backwards(planned, RULES) < 2 * len(starts), "nothing shares a round"
    before = engine.counts.backward
    found = {(start, rule): back for _, start, rule, back in reconstruct(engine, x, planned, RULES)}
    assert engine.counts.backward - before == backwards(planned, RULES) == 2 * len(planned[0])
    assert len(found) == 2 * len(starts)
    for start in starts:
        for rule, alone in singly(engine, description, x, start).items():
            torch.testing.assert_close(
                found[start, rule], alone, rtol=1e-4, atol=1e-6 * float(alone.abs().max() + 1e-30)
            )


def test_what_is_not_wanted_by_a_rule_is_not_run_and_changes_nothing_of_the_rest():
    model, x = alive(torchvision.models.get_model("mobilenet_v2", weights=None, num_classes=10)), photo(2)
    engine, description = parts(model, x)
    convs = [layer.name for layer in description.layers if layer.kind == "conv"]
    starts = starts_of(description, [convs[0], convs[len(convs) // 2], convs[-1]], 4)
    planned = [rounds(starts, dict(description.by_name), (64, 64))] * 2
    whole = {(n, start, rule): back for n, start, rule, back in reconstruct(engine, x, planned, RULES)}

    def wants(image: int, start: Start, rule: str) -> bool:
        return rule == "guided" or (image == 1 and start == starts[-1])

    before = engine.counts.backward
    found = {(n, start, rule): back for n, start, rule, back in reconstruct(engine, x, planned, RULES, wants)}
    assert engine.counts.backward - before == backwards(planned, RULES, wants) == len(planned[0]) + 1
    assert set(found) == {key for key in whole if wants(*key)}
    for key, back in found.items():
        torch.testing.assert_close(back, whole[key], rtol=1e-4, atol=1e-6 * float(back.abs().max() + 1e-30))


def conv(read: int = 8, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(read, 8, 3, stride, 1), nn.ReLU()]


def transposed(*how: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(8, 8, *how), nn.ReLU()]


ENLARGING = {
    "transposed": lambda: [*conv(3, 2), *transposed(4, 2, 1), *conv()],
    "transposed 2": lambda: [*conv(3, 2), *conv(stride=2), *transposed(2, 2), *conv()],
    "transposed 3": lambda: [*conv(3, 4), *transposed(3, 2, 1), *conv()],
    "autoencoder": lambda: [*conv(3, 2), *conv(stride=2), *conv(stride=2), *transposed(4, 2, 1), *transposed(4, 2, 1), *conv()],
    "bilinear": lambda: [*conv(3, 4), nn.Upsample(scale_factor=2, mode="bilinear"), *conv()],
    "bilinear to a size": lambda: [*conv(3, 4), Resized(size=(17, 15), mode="bilinear"), *conv()],
    "nearest": lambda: [*conv(3, 3), nn.Upsample(scale_factor=2), *conv()],
    "nearest, fewer": lambda: [*conv(3, 2), Resized(scale_factor=0.4), *conv()],
    "nearest, a quarter": lambda: [*conv(3), Resized(scale_factor=0.25), *conv()],
}  # fmt: skip


@pytest.mark.parametrize("name", ENLARGING)
def test_what_is_seen_behind_an_enlargement_is_what_has_a_gradient(name: str):
    model = alive(nn.Sequential(*ENLARGING[name]()))
    x = photo(1, height=48, width=48)
    _, description = parts(model, x)
    layer = description.layers[-1]
    sizes, most = set(), 0
    leaf = x.clone().requires_grad_()
    net = nn.Sequential(*[module for module in model if not isinstance(module, nn.ReLU)])
    out = net(leaf)  # without rectifiers: no gradient is lost
    for place in range(layer.shape[1]):
        at = place, place % layer.shape[2]
        (gradient,) = torch.autograd.grad(out[0, :, at[0], at[1]].sum(), leaf, retain_graph=True)
        touched = gradient[0].abs().sum(dim=0).nonzero()
        top, left, bottom, right = seen_from(layer, *at, (48, 48))
        assert top <= int(touched[:, 0].min()) and int(touched[:, 0].max()) < bottom
        assert left <= int(touched[:, 1].min()) and int(touched[:, 1].max()) < right
        sizes.add((bottom - top, right - left))
        most = max(most, int(touched[:, 0].max()) - int(touched[:, 0].min()) + 1)
    assert len(sizes) == 1, "tiles of one layer are of one size"
    assert sizes == {layer.receptive_field} and layer.receptive_field[0] == most, (
        "and no larger than what some unit sees"
    )


@pytest.mark.parametrize("name", ENLARGING)
def test_what_shares_a_round_behind_an_enlargement_is_what_it_is_alone(name: str):
    model = alive(nn.Sequential(*ENLARGING[name]()))
    x = photo(1, height=96, width=96)
    engine, description = parts(model, x)
    layer = description.layers[-1].name
    starts = starts_of(description, [layer], 64)
    planned = [rounds(starts, dict(description.by_name), (96, 96))]
    assert len(planned[0]) < len(starts), "nothing shares a round"
    found = {(start, rule): back for _, start, rule, back in reconstruct(engine, x, planned, RULES)}
    for start in starts:
        for rule, alone in singly(engine, description, x, start).items():
            torch.testing.assert_close(
                found[start, rule], alone, rtol=1e-4, atol=1e-6 * float(alone.abs().max() + 1e-30)
            )
    assert any(back.any() for back in found.values())


def test_images_of_a_batch_have_places_of_their_own():
    x = photo(3)
    engine, description = parts(vgg11(), x)
    every = starts_of(description, ["features.3", "features.8"], 6)
    mine = [every[:5], every[5:6], every[6:]]
    layers = dict(description.by_name)
    planned = [rounds(some, layers, (64, 64)) for some in mine]
    found = {(n, start, rule): back for n, start, rule, back in reconstruct(engine, x, planned, RULES)}
    assert engine.counts.forward == 1
    for n, some in enumerate(mine):
        for start in some:
            for rule, alone in singly(engine, description, x[n : n + 1], start).items():
                torch.testing.assert_close(found[n, start, rule], alone, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("layer", ["features.0", "features.8", "features.18"])
def test_it_is_captums_neuron_by_neuron(layer: str):
    model = vgg11()
    x = photo(1)
    engine, description = parts(model, x)
    twin = out_of_place(model)
    module = dict(twin.named_modules())[layer]
    start = starts_of(description, [layer], 1)[0]
    where = (start.unit, start.row, start.column)
    expected = {
        "deconv_unpool": captum.attr.NeuronDeconvolution(twin, module).attribute(x, where),
        "guided": captum.attr.NeuronGuidedBackprop(twin, module).attribute(x, where),
    }
    rect = seen_from(description.by_name[start.layer], start.row, start.column, (64, 64))
    for rule, back in singly(engine, description, x, start).items():
        torch.testing.assert_close(back, cut(expected[rule][0].detach(), rect), rtol=1e-5, atol=1e-6)
        inside = torch.zeros(3, 64, 64)
        top, left, bottom, right = (max(0, v) for v in rect)
        inside[:, top:bottom, left:right] = expected[rule][0].detach()[:, top:bottom, left:right]
        torch.testing.assert_close(inside, expected[rule][0].detach(), msg="the field does not hold all of it")


def test_what_a_unit_sees_by_hand():
    model = alive(nn.Sequential(nn.Conv2d(3, 2, 3, stride=2, padding=1), nn.Conv2d(2, 2, 3, padding=1)))
    description = describe(model, (3, 16, 16))
    # unit (0, 0) of the first: pixels -1..1; of the second: places -1..1, so pixels -3..3; one place further is 2 pixels
    assert seen_from(description.by_name[LayerName("0")], 0, 0, (16, 16)) == (-1, -1, 2, 2)
    assert seen_from(description.by_name[LayerName("1")], 0, 0, (16, 16)) == (-3, -3, 4, 4)
    assert seen_from(description.by_name[LayerName("1")], 2, 1, (16, 16)) == (1, -1, 8, 6)


def test_a_cut_is_padded_with_zero_by_hand():
    x = torch.arange(1.0, 10).reshape(1, 3, 3)
    assert cut(x, (-1, 1, 1, 3)).tolist() == [[[0, 0], [2, 3]]]
    assert cut(x, (2, 2, 4, 4)).tolist() == [[[9, 0], [0, 0]]]
    assert cut(x, (-5, -5, 5, 5)).tolist() == x.tolist()


def test_rounds_by_hand():
    model = alive(nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)))
    layers = dict(describe(model, (3, 16, 16)).by_name)
    a, b, c = (Start(LayerName("0"), 0, 0, column) for column in (0, 2, 3))  # pixels -1..1, 1..3, 2..4
    deep = Start(LayerName("1"), 0, 9, 9)
    found = rounds([deep, c, b, a], layers, (16, 16))
    assert [[start for start, _ in one.starts] for one in found] == [[a, c], [b], [deep]]


def test_a_model_that_cuts_its_gradients_gives_nothing_and_does_not_fail():
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 2, 3), nn.Conv2d(2, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(torch.relu(self.first(x)).detach()).mean(dim=(2, 3))

    x = photo(1, height=12, width=12)
    engine, description = parts(alive(Cut()), x)
    for back in singly(engine, description, x, Start(LayerName("second"), 0, 1, 1)).values():
        assert not back.any()
