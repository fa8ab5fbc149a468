"""What a method made in this run, as the picture on its own page: a method is understood sooner from one of its maps."""

from __future__ import annotations

from dataclasses import dataclass

from generator.pages.views import Atlas, Heat, ImageView, MethodView, Picture, Report, Sought

WIDE = 24
"""At most so many tiles of an atlas stand for it."""


@dataclass(frozen=True)
class Example:
    """A picture, where it was drawn, and the image under it where it is a map of one."""

    shown: Heat | Picture | Atlas
    layer: str = ""
    image: ImageView | None = None
    target: str = ""
    says: str = ""
    """The string that says what it shows, where the method's caption is of something else."""


def example(report: Report, method: MethodView) -> Example | None:
    """The pipeline's own choice, else the first thing the report holds that the method drew; None where it drew nothing."""
    if method.example is not None:
        return Example(method.example)
    for image in report.images:
        found = _on_image(report, method.name, image)
        if found:
            return found
    if method.scope in ("class_search", "image_search"):
        return _sought(report, method)
    if method.scope == "set":
        raised = [v for v in report.layers if v.reconstructions and not any(v.reconstructions.guided.dead)]
        view = raised[len(raised) // 3] if raised else None
        return (
            Example(view.reconstructions.guided, view.layer.name, says="method.raised")
            if view and view.reconstructions
            else None
        )
    atlases = {"weights": "kernels", "search": "pictures"}
    if method.scope in atlases:
        views = [v for v in report.layers if isinstance(getattr(v, atlases[method.scope]), Atlas)]
        if views:
            # Kernels are clearest where they read the image, searched pictures where units have seen enough of it.
            view = views[0 if method.scope == "weights" else len(views) * 2 // 3]
            return Example(getattr(view, atlases[method.scope]), view.layer.name)
    if method.name == "feature_maps":
        for view in report.layers:
            for image in report.images:
                drawn = view.maps.get(image.slug)
                if isinstance(drawn, Atlas):
                    return Example(drawn, view.layer.name, image)
    return None


def _sought(report: Report, method: MethodView) -> Example | None:
    """A class's picture, or one from an image: at the layer in the middle, where neither pixels nor classes rule."""
    if method.scope == "class_search":
        found = next((one for one in report.sought.values() if not one.dead), None)
        return Example(found.picture, target=found.label) if found else None
    for image in report.images:
        drawn = [
            (layer, one)
            for (name, layer), one in image.sought.items()
            if name == method.name and isinstance(one, Sought) and not one.dead
        ]
        if drawn:
            layer, one = drawn[len(drawn) // 2]
            return Example(one.picture, layer, image)
    return None


def _on_image(report: Report, name: str, image: ImageView) -> Example | None:
    """A map of the method on this image: at the default layer first, then from deep to shallow."""
    target = image.targets[0].label if image.targets else ""
    layers = [*([report.default_layer] if report.default_layer else []), *reversed(report.cam_layers)]
    for layer in layers:
        drawn = image.cams.get((name, layer, 0))
        if isinstance(drawn, Heat) and not drawn.empty:
            return Example(drawn, layer, image, target)
    pair = image.gradients.get((name, 0))
    if isinstance(pair, tuple):
        return Example(pair[0], "", image, target)
    if name == "input_response":
        for layer in layers:
            drawn = image.response.get(layer)
            if isinstance(drawn, Heat):
                return Example(drawn, layer, image)
    return None
