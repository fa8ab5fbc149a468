"""What targets are called: apart from each other, of one image and of all.

of one image     cat (as labelled) | pets | horse | cat (ranked second) | dog
of all images    as labelled | pets | ranked first | ranked second | ranked third
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from generator.pages.context import Site
from generator.pages.views import ImageView, Prediction


def role(site: Site, target: Prediction) -> str:
    """How its class was chosen for the image, in words; "" where it is the same for all images."""
    if target.role == "true":
        return site.t("compare.labelled")
    if target.role.startswith("rank "):
        rank = target.role.removeprefix("rank ")
        return site.t("compare.ranked", n=site.t(f"compare.rank_{rank}") if rank in ("1", "2", "3") else f"{rank}.")
    return ""


def of_image(site: Site, image: ImageView) -> list[str]:
    """The targets of one image: their labels, and what tells two of one label apart. A label given to the image is always
    said to be one."""
    return _apart(site, image.targets)


def of_all(site: Site, images: Sequence[ImageView]) -> list[str]:
    """What each target is called for all images at once: its label where that is the same, else how it was chosen."""
    most = max((len(image.targets) for image in images), default=0)
    several = [[image.targets[k] for image in images if k < len(image.targets)] for k in range(most)]
    alike = {k: ones[0] for k, ones in enumerate(several) if len({target.label for target in ones}) == 1}
    named = dict(zip(alike, _apart(site, list(alike.values())), strict=True))
    for k, ones in enumerate(several):
        how = {role(site, target) for target in ones}
        named.setdefault(k, how.pop() if len(how) == 1 and "" not in how else site.t("compare.target_n", n=k + 1))
    return [named[k] for k in range(most)]


def _apart(site: Site, targets: Sequence[Prediction]) -> list[str]:
    """Labels, with how a class was chosen where another target has its label or it is the image's own, and with the number
    of a class where another one that was named is called alike."""
    all_of_them = Counter(target.label for target in targets)
    by_name = Counter(target.label for target in targets if not target.role)

    def one(target: Prediction) -> str:
        how = role(site, target) if all_of_them[target.label] > 1 or target.role == "true" else ""
        how = how or (str(target.index) if not target.role and by_name[target.label] > 1 else "")
        return f"{target.label} ({how})" if how and target.index >= 0 else target.label

    return [one(target) for target in targets]
