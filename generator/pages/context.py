"""What every page module is given: the report, the folder to write to, the templates and the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from jinja2 import Environment
from markupsafe import Markup

from generator.artifacts import NotApplicable
from generator.names import Layer, LayerName
from generator.pages import data, escape
from generator.pages.behind import Behind, behind
from generator.pages.docs_tree import DocsTree
from generator.pages.environment import Strings
from generator.pages.named import Named, named
from generator.pages.parted import parted
from generator.pages.views import Atlas, ImageView, LayerView, MethodView, Report
from generator.store import digest
from generator.wiring.threads import Threads

NOT_ASKED = "it was not asked for."
"""The reason of what was left out of the configuration."""
KEEPING = ("norm", "act", "pool")
"""Kinds of layers whose unit i is unit i of the layer before."""


@dataclass(frozen=True)
class Site:
    """One rendering under way."""

    report: Report
    tree: DocsTree
    env: Environment
    t: Strings

    @cached_property
    def layer_views(self) -> Mapping[LayerName, LayerView]:
        """Layers that have a page."""
        return {v.layer.name: v for v in self.report.layers}

    @cached_property
    def behind(self) -> Mapping[LayerName, tuple[Behind, ...]]:
        """The pictures that stand for units of a layer which only hand a channel on."""
        return behind(self.report.layers)

    def shows(self, name: LayerName) -> LayerView | None:
        """The layer's view; of one that has no page, that of the layer whose units it hands on: a normalisation's convolution."""
        while name not in self.layer_views:
            layer = self._layers.get(name)
            before = (
                self._layers.get(LayerName(layer.inputs[0])) if layer is not None and len(layer.inputs) == 1 else None
            )
            if layer is None or before is None or layer.kind not in KEEPING or before.units != layer.units:
                return None
            name = before.name
        return self.layer_views[name]

    @cached_property
    def _layers(self) -> Mapping[LayerName, Layer]:
        return {layer.name: layer for layer in self.report.all_layers}

    @cached_property
    def named(self) -> Mapping[LayerName, tuple[Named, ...]]:
        """What findings say of units of the layers that have a page."""
        return named(self.report.findings, self.shows)

    @cached_property
    def shown(self) -> Mapping[int, str]:
        """The page of each of the dataset's images that is one of the report's, by its number: its slug."""
        return {one.number: escape.slug(one.page) for one in self.report.examples if one.page}

    @cached_property
    def threads(self) -> Threads:
        """The ways from units back to the first layer."""
        wired = {view.layer.name: view.wires for view in self.report.layers if view.wires is not None}
        return self.report.threads or Threads(wired)

    @cached_property
    def methods(self) -> Mapping[str, MethodView]:
        """Methods by name."""
        return {m.name: m for m in self.report.methods}

    def method_title(self, name: str) -> str:
        """Its title, or its name where it has no page."""
        found = self.methods.get(name)
        return found.title if found else name

    def caption(self, name: str, **parts: object) -> str:
        """A method's caption with the parts known so far; the scripts fill in the rest."""
        found = self.methods.get(name)
        text = found.caption if found else ""
        for key, value in parts.items():
            text = text.replace("{" + key + "}", str(value))
        return text

    def sentence(self, text: str) -> str:
        """With a capital letter in front: a docstring's summary stands after a colon there, alone here."""
        return text[:1].upper() + text[1:]

    def photo(self, image: ImageView) -> str:
        """The image as the model sees it."""
        return self.tree.picture(image.photo, escape.slug(image.slug))

    def original(self, image: ImageView) -> str:
        """The whole photograph."""
        return self.tree.picture(image.original, f"{escape.slug(image.slug)}-whole")

    def op_line(self, layer: Layer, *, sizes: bool = True) -> str:
        """conv 3 × 3, stride 2, depthwise; without `sizes`: conv, depthwise; conv 2 × 2, stride 2, transposed; activation, ReLU6: the model's own name may say nothing of it."""
        facts = dict(layer.attributes)
        parts = [self.t(f"kind.{layer.kind}") if layer.kind in self.t.table["kind"] else layer.op]
        if layer.kind == "act":
            parts.append(layer.op.removeprefix("F.").rstrip("_"))
        if "kernel" in facts and sizes:
            parts[0] += " " + sides(facts["kernel"])
        if sizes and facts.get("stride", "1") not in ("1", "1x1", "1×1"):
            parts.append(self.t("layer.stride_of", stride=facts["stride"]))
        if layer.kind == "conv" and "transpose" in layer.op.lower():
            parts.append(self.t("layer.transposed"))  # what its stride makes is larger, not smaller
        if facts.get("groups", "1") != "1":
            groups = facts["groups"].split()[0]
            depthwise = groups == str(layer.units) or "depthwise" in facts["groups"]
            parts.append(self.t("layer.depthwise") if depthwise else self.t("layer.groups_of", groups=groups))
        return ", ".join(parts)

    def mini(self, view: LayerView, image: ImageView | None, most: int) -> dict[str, object] | None:
        """The strongest tiles of a layer on one image, for a small wall without data: address and tile offsets."""
        item = view.maps.get(image.slug) if image else None
        if not isinstance(item, Atlas):
            return None
        name = f"{escape.slug(view.slug)}-{escape.slug(image.slug)}" if image else ""
        tiles = [
            (k % item.columns * (item.tile_w + 1), k // item.columns * (item.tile_h + 1))
            for k in data.strongest(item, most)
        ]
        return {
            "src": self.tree.picture(item.picture, name), "w": item.tile_w, "h": item.tile_h, "tiles": tiles, "signed": item.signed,
            "aw": item.picture.width, "ah": item.picture.height,
        }  # fmt: skip

    def page(
        self,
        path: str,
        template: str,
        *,
        title: str,
        section: str,
        description: str = "",
        searched: bool = True,
        folder: str = "pages",
        listed: bool = True,
        **parts: object,
    ) -> None:
        """Render one page: front matter, and a body of one line that Markdown passes through untouched. One that is not
        `listed` has no place among the ways at the top."""
        root = "../" * path.count("/")
        body = self.env.get_template(f"{folder}/{template}").render(site=self, report=self.report, root=root, **parts)
        line = parted(" ".join(part.strip() for part in body.splitlines() if part.strip()))
        head = {
            "title": escape.md(title),
            "description": escape.md(description or title),
            "atlas": template.removesuffix(".html"),
            "section": section,
        }
        front = "".join(f"{key}: {escape.json(str(value))}\n" for key, value in head.items())
        if not listed:
            front += "unlisted: true\n"
        if not searched:
            front += 'search: {"exclude": true}\n'
        self.tree.write(path, f"---\n{front}---\n\n{line}\n")

    def atlas(self, path: str, kind: str, key: str, item: Atlas, name: str) -> None:
        """Write the data script of one atlas, unless the one that is there was made from the same."""
        self.tree.picture(item.picture, name)
        of = digest(f"{kind} {key} {name} {data.atlas_digest(item)}".encode())
        self.tree.made(path, of, lambda: data.script(kind, key, data.atlas(self.tree, item, name)).encode())

    def script(self, path: str, kind: str, key: str, value: object, *, volatile: bool = False) -> None:
        """Write one data script."""
        self.tree.write(path, data.script(kind, key, value), volatile=volatile)


def sides(text: str) -> str:
    """3x3 or 3×3 -> 3 × 3"""
    return " × ".join(text.replace("×", "x").split("x"))


def reason(item: object) -> str:
    """Why a thing is not drawn, or ""."""
    return item.reason if isinstance(item, NotApplicable) else ""


def asked(item: object) -> bool:
    """Whether a thing was wanted at all, drawn or not: what nobody asked for needs no word on why it is missing."""
    return item is not None and reason(item) != NOT_ASKED


def safe(text: str) -> Markup:
    """Mark our own text as HTML."""
    return Markup(text)
