"""What a record of the store holds, as pages have it: its pictures and atlases, and mappings that read when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from generator.pages.views import Atlas, Picture
from generator.store import Record, Store, digest

K = TypeVar("K")
V = TypeVar("V")


class Lazy(Mapping[K, V], Generic[K, V]):
    """A mapping whose values are made when asked for, each time anew."""

    def __init__(self, keys: Sequence[K], make: Callable[[K], V]) -> None:
        self._keys = dict.fromkeys(keys)
        self._make = make

    def __getitem__(self, key: K) -> V:
        if key not in self._keys:
            raise KeyError(key)
        return self._make(key)

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


@dataclass(frozen=True)
class Shelf:
    """The store, for pages."""

    store: Store

    def picture(self, record: Record, name: str, size: Sequence[int]) -> Picture:
        """The picture of this name, of `size` (height, width)."""
        kept = record.inline.get(name)
        of = record.blobs[name] if kept is None else digest(kept)
        return Picture(self.store.path(of) if kept is None else kept, of, int(size[1]), int(size[0]))

    def atlas(self, record: Record, blob: str, meta: Mapping[str, Any]) -> Atlas:
        """The atlas under this name; `meta` is what `generator.encode` says of it."""
        return atlas_of(self.picture(record, blob, meta["size"]), meta)


def atlas_of(picture: Picture, meta: Mapping[str, Any]) -> Atlas:
    """The atlas that `picture` shows; `meta` is what `generator.encode` says of it."""
    units = tuple(meta.get("units", range(meta["count"])))
    return Atlas(
        picture=picture,
        columns=meta["columns"],
        tile_w=meta["tile"][1],
        tile_h=meta["tile"][0],
        units=units,
        lo=tuple(meta.get("lo", ())),
        hi=tuple(meta.get("hi", ())),
        raw_lo=tuple(meta.get("raw_lo", meta.get("lo", ()))),
        raw_hi=tuple(meta.get("raw_hi", meta.get("hi", ()))),
        full=tuple(meta.get("full", ())),
        signed=meta.get("signed", False),
        rgb=meta["kind"] == "rgb_atlas",
        scores=tuple(meta.get("scores", ())),
        dead=tuple(bool(why) for why in meta.get("dead", ())),
        reasons=tuple(meta.get("dead", ())),
        norms=tuple(meta.get("norms", ())),
    )
