"""What to say of a name that a file does not explain: a blob that no layer gives, a type that no Caffe has.

net.prototxt:12:11: No layer before conv2 gives the blob conv_1 (the nearest: `conv1`).
net.prototxt:9:9: it: Convolutoin is none of Caffe's layers (the nearest: `Convolution`): what it gives is taken ...
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from generator.diagrams.prototxt.layer import Layer
from generator.diagrams.prototxt.shapes import RULES
from generator.diagrams.prototxt.tokens import Place
from generator.selectors import nearest

MOST = 50
"""Names that are compared with all others, at most: a file of nothing but mistakes is not worth hours."""


class Missing:
    """Looks names up in one net, for one phase."""

    def __init__(self, kept: Iterable[Layer], every: Iterable[Layer]) -> None:
        """`kept` are the layers of this phase, `every` those of all."""
        self.here, self.anywhere, self.asked = _givers(kept), _givers(every), 0

    def blob(self, name: str, layer: Layer, known: Iterable[str]) -> str:
        """The sentence for a blob that `layer` reads and that none of those `known` before it is."""
        if (later := self.here.get(name)) is not None:
            more = f"; {later.name}, in line {later.said.at.line}, gives it too late"
        elif (other := self.anywhere.get(name)) is not None:
            more = f"; {other.name}, in line {other.said.at.line}, gives it in another phase alone"
        else:
            more = self._nearest(name, known)
        return f"No layer before {layer.name} gives the blob {name}{more}."

    def type(self, layer: Layer) -> str:
        """The sentence for a layer whose type is not known."""
        what = f"{layer.type} is none of Caffe's layers{self._nearest(layer.type, RULES)}"
        what = "It has no type" if layer.type == "?" else what
        if layer.bottoms:
            return f"{what}: what it gives is taken to have the shape of what it reads."
        return f"{what}, and it reads nothing: what it gives is not known."

    def _nearest(self, name: str, known: Iterable[str]) -> str:
        self.asked += 1
        return nearest(name, known) if self.asked <= MOST else ""


def _givers(layers: Iterable[Layer]) -> Mapping[str, Layer]:
    """The first layer that gives each blob."""
    found: dict[str, Layer] = {}
    for layer in layers:
        for top in layer.tops:
            found.setdefault(top, layer)
    return found


def place_of(layer: Layer, key: str, number: int = -1) -> Place:
    """Where the layer says `key`, the value `number`; where it begins, if it does not say it."""
    found = [field.value.at for field in layer.said.every(key)]
    return found[number] if found else layer.said.at
