"""The strongest maps of an image as small pictures, for the faces of a drawing: cut out of the atlases that a report has.

Gray tiles are coloured by viridis, signed ones from blue over white at zero to red, each on its own scale.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import cache

from PIL import Image

from generator.diagrams.architecture import Architecture, Op
from generator.diagrams.stages import stages
from generator.names import LayerName
from generator.pages import data
from generator.pages.context import Site
from generator.pages.views import Atlas, ImageView, Picture

MAPS = 8
"""Of a layer, the strongest first."""
SIDE, BEHIND, PHOTO = 56, 32, 160
"""Pixels of the longer side, at most: of the map in front, of those that lie behind it, of the photograph."""
MOST, DEPTHS = 24, (-1, 0, 1, 2)
"""Rows of tensors whose maps are kept: those that a drawing shows at these depths."""


def faces(site: Site, it: Architecture, image: ImageView) -> Mapping[str, tuple[str, ...]]:
    """Data addresses by op id: of the input the image itself, of others their maps where the report has them; empty where it
    has none."""
    found: dict[str, tuple[str, ...]] = {}
    for name, layers in wanted(it).items():
        views = (site.layer_views[layer] for layer in layers if layer in site.layer_views)
        atlas = next((one for view in views if isinstance(one := view.maps.get(image.slug), Atlas)), None)
        if atlas is not None:
            sheet = Image.open(io.BytesIO(atlas.picture.read()))
            found[name] = tuple(
                tile_of(atlas, sheet, k, BEHIND if rank else SIDE) for rank, k in enumerate(data.strongest(atlas, MAPS))
            )
    if found:
        found |= {op.id: (photo(image.photo),) for op in it.ops if op.kind == "input" and not op.learned}
    return found


def wanted(it: Architecture) -> Mapping[str, tuple[LayerName, ...]]:
    """Ops and blocks whose tensor a drawing may show -> the layers that give this tensor: its last operation and the blocks that
    end with it. Last comes what that tensor was before its norm and activation: a convolution's own maps are better than none."""
    place = {op.id: k for k, op in enumerate(it.ops)}
    found: dict[str, tuple[LayerName, ...]] = {}
    for depth in DEPTHS:
        for stage in stages(it, MOST, depth):
            ends = _ends(stage.op)
            stop = place[ends[-1].id] + 1
            layers = [ends[-1].layer, *(block.layer for block in it.blocks if block.stop == stop)]
            layers += [op.layer for op in ends]
            found[stage.op.id] = tuple(dict.fromkeys(layer for layer in layers if layer is not None))
    return {name: layers for name, layers in found.items() if layers}


def _ends(op: Op) -> tuple[Op, ...]:
    """The op and, where it stands for several, the last of those, and so on."""
    return (op, *_ends(op.parts[-1])) if op.parts else (op,)


def tile_of(atlas: Atlas, sheet: Image.Image, k: int, side: int) -> str:
    """Tile `k` of an atlas, whose picture is `sheet`, as a picture of at most `side` pixels."""
    x, y = k % atlas.columns * (atlas.tile_w + 1), k // atlas.columns * (atlas.tile_h + 1)
    tile = _small(sheet.crop((x, y, x + atlas.tile_w, y + atlas.tile_h)), side)
    if atlas.rgb:
        return _address(tile)
    coloured = Image.frombytes("P", tile.size, tile.tobytes())
    coloured.putpalette(_palette("RdBu_r" if atlas.signed else "viridis"))
    return _address(coloured)


def photo(picture: Picture) -> str:
    """The photograph as a small picture."""
    return _address(_small(Image.open(io.BytesIO(picture.read())).convert("RGB"), PHOTO), "JPEG")


@cache
def _palette(name: str) -> bytes:
    from matplotlib import colormaps  # half a second, and only reports with maps need it

    return bytes(round(channel * 255) for g in range(256) for channel in colormaps[name](g)[:3])


def _small(picture: Image.Image, side: int) -> Image.Image:
    share = side / max(picture.size)
    if share >= 1:
        return picture
    return picture.resize(
        (max(1, round(picture.width * share)), max(1, round(picture.height * share))), Image.Resampling.BOX
    )


def _address(picture: Image.Image, form: str = "PNG") -> str:
    out = io.BytesIO()
    picture.save(out, form, **({"quality": 85} if form == "JPEG" else {"optimize": True}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"
