"""The command line: `convatlas build`, `serve`, `live`, `layers`, `draw`, `compare`, `descent`, `methods`, `init`.

exit 0    done
exit 2    the user's error: one line on standard error (--debug adds the traceback)
exit 1    ours
exit 130  stopped by Ctrl-C; what is finished is kept
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from generator.command import memory
from generator.command.brief import uncollected
from generator.command.interrupt import answered
from generator.command.uncompiled import uncompiled
from generator.command.words import columns, first_authors, human, listed
from generator.errors import UserError

app = typer.Typer(
    name="convatlas",
    help="Turns any PyTorch vision model and a folder of images into a browsable report.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Base of all that typer says of a wrong command line; newer typers carry a click of their own and export no name for it."""
STOPPED = "Stopped. Everything finished is kept in {store}; run the same command to go on."

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Config = Annotated[Path | None, typer.Option(help="The configuration; else ./report.yml, else the default report.")]


@app.command()
def build(
    config: Config = None,
    model: Annotated[
        str | None, typer.Option(help="torchvision:NAME, timm:NAME, python:MODULE_OR_FILE:CALLABLE.")
    ] = None,
    images: Annotated[str | None, typer.Option(help="The folder of images.")] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="The set whose patches stand beside units: a folder, a list, tars; else the images."),
    ] = None,
    layers: Annotated[str | None, typer.Option(help="Selectors with commas between: conv, layer4.*, all.")] = None,
    methods: Annotated[str | None, typer.Option(help="all, or names with commas between.")] = None,
    targets: Annotated[str | None, typer.Option(help='top1, top:3, 243, "tabby", with commas between.')] = None,
    preset: Annotated[str | None, typer.Option(help="quick, standard or full: how much is drawn.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cuda, cuda:N, mps or cpu.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Where the site is written (site).")] = None,
    store: Annotated[str | None, typer.Option(help="Where finished work is kept between builds (.convatlas).")] = None,
    live: Annotated[
        bool | None, typer.Option("--live/--no-live", help="Add the page that runs the visitor's own image.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would run, and stop.")] = False,
    debug: Debug = False,
) -> None:
    """Build the report. Without options: the default report, or ./report.yml where there is one."""
    from generator.config import load_config

    settings = load_config(
        config,
        {
            "model": model,
            "images": images,
            "dataset": dataset,
            "layers": listed(layers),
            "methods": listed(methods),
            "targets": listed(targets),
            "preset": preset,
            "device": device,
            "out": out,
            "store": store,
            "live": live,
        },
    )
    _KEPT["store"] = settings.store
    from generator import build as flow
    from generator.command.progress import for_stream

    if plan:
        typer.echo(str(flow.plan(settings)).rstrip("\n"))
        return
    result = flow.build(settings, for_stream(sys.stderr))
    _say_where(result.site, result.bytes)


def _say_where(site: Path, size: int) -> None:
    index = site / "index.html"
    typer.echo(f"\n{index}   {human(size)}\n")
    typer.echo(f"To look at it:  open {index.resolve().as_uri()} in a browser")
    options = "" if site == Path("site") else f" {shlex.quote(str(site))}"
    typer.echo(f"           or:  convatlas serve{options}")


@app.command()
def serve(
    site: Annotated[Path, typer.Argument(help="The folder of a built site.")] = Path("site"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    debug: Debug = False,
) -> None:
    """Serve a built site on this computer, until Ctrl-C."""
    from generator.command.serve import server_for

    with server_for(site, port) as server:
        typer.echo(f"Serving {site} at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)")
        sys.stdout.flush()
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            typer.echo("")


@app.command()
def live(
    fetch_runtime: Annotated[
        bool, typer.Option("--fetch-runtime", help="Get what runs models in a browser, from npm, into your cache.")
    ] = False,
    registry: Annotated[str | None, typer.Option(help="A registry of npm packages; else as npm is configured.")] = None,
    tarball: Annotated[
        Path | None, typer.Option("--from", help="The package as a file, instead of fetching it.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Say what the live page needs and what of it is here; with --fetch-runtime, get the runtime."""
    from generator.command.live import standing
    from generator.live.fetch import fetch

    if fetch_runtime or tarball is not None or registry is not None:
        folder = fetch(registry, tarball, lambda text: typer.echo(text, err=True))
        typer.echo(f"The runtime is in {folder}")
    for line in standing():
        typer.echo(line)


@app.command()
def layers(
    model: Annotated[
        str | None, typer.Argument(help="A source: torchvision:resnet18; else the configuration's.")
    ] = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="The records of run.json.")] = False,
    debug: Debug = False,
) -> None:
    """List a model's layers, by the names that --layers takes."""
    import json

    from generator.config import load_config
    from generator.pages.runjson import layer_record

    asked: object = model
    if model is not None and model.startswith(("torchvision:", "timm:")):
        asked = {
            "source": model,
            "weights": "random",
        }  # shapes and costs need no trained weights: nothing is downloaded
    found = _described(load_config(config, {"model": asked, "methods": ["feature_maps"]}))
    if as_json:
        typer.echo(json.dumps([layer_record(layer) for layer in found], indent=2, ensure_ascii=False))
        return
    rows = [("name", "kind", "shape", "parameters", "MACs", "receptive field")]
    for layer in found:
        field = "whole input" if layer.receptive_field is None else "x".join(map(str, layer.receptive_field))
        shape = " x ".join(map(str, layer.shape))
        macs = "not counted" if layer.uncounted and not layer.macs else f"{layer.macs:,}"
        rows.append((layer.name, layer.kind, shape, f"{layer.parameters:,}", macs, field))
    typer.echo(columns(rows, right=(3, 4, 5)))


def _described(settings: Any) -> Sequence[Any]:
    from generator.model.describe import describe
    from generator.model.load import load

    loaded = load(settings.model)
    shape = (loaded.preprocess.channels, *loaded.preprocess.size)
    return describe(loaded.module, shape).layers


@app.command()
def draw(
    model: Annotated[str, typer.Argument(help="A source, as torchvision:resnet50, or a .prototxt file.")],
    style: Annotated[str, typer.Option(help="graph, blocks, fcnn, lenet or alexnet.")] = "graph",
    depth: Annotated[int | None, typer.Option(min=0, help="How many levels of blocks are opened.")] = None,
    format: Annotated[str | None, typer.Option(help="svg, pdf, png or tex; else by the file's ending.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; else standard output.")] = None,
    input: Annotated[str | None, typer.Option(help="3x224x224: one input; none: without running it.")] = None,
    set: Annotated[list[str] | None, typer.Option(help="An option of the style: key=value; may be repeated.")] = None,
    phase: Annotated[str | None, typer.Option(help="TEST or TRAIN, of a .prototxt file.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="fcnn: a file of weights, or random; else the model's own.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option(help="Pixels of a PNG for each of the drawing's 96 an inch; else 2.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Draw a model's architecture into a file, without a report. Nothing is downloaded."""
    with uncollected():
        from generator.command import draw as drawing

    form = drawing.format_of(out, format)
    if out is None and form in ("pdf", "png"):
        raise UserError(f"-o: expected a file to write the {form.upper()} to, received none: give -o drawing.{form}")
    with uncollected(), uncompiled():
        done = drawing.draw(
            model,
            style,
            form=form,
            size=input,
            depth=depth,
            options=set or (),
            phase=phase,
            weights=weights,
            scale=scale,
        )
    if out is None:
        typer.echo(done.data.decode(), nl=not done.data.endswith(b"\n"))
    else:
        _write(out, done.data)
    for note in done.notes:
        typer.echo(note, err=True)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise UserError(f"-o: {path} cannot be written ({error.strerror or error}): give another file") from None


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A source, as torchvision:resnet18, or a .prototxt file.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    depth: Annotated[int | None, typer.Option(min=0, help="How many levels of blocks are opened.")] = None,
    input: Annotated[str | None, typer.Option(help="3x224x224: one input of both; none: without running them.")] = None,
    phase: Annotated[str | None, typer.Option(help="TEST or TRAIN, of .prototxt files.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A file: .svg, .csv or .txt; else a table here.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Put two architectures side by side, block by block. Nothing is downloaded."""
    with uncollected(), uncompiled():
        from generator.command.compare import compared

        text, notes = compared(a, b, out, depth=depth, size=input, phase=phase)
    if out is None:
        typer.echo(text, nl=False)
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"--out: {out} cannot be written: {error.strerror or error}") from None
    for note in notes:
        typer.echo(note, err=True)


@app.command()
def descent(
    surface: Annotated[str, typer.Option(help="two_wells, beale, saddle, ravine or rosenbrock.")] = "two_wells",
    optimizers: Annotated[str | None, typer.Option(help="Names with commas between: sgd,adam; else all.")] = None,
    start: Annotated[str | None, typer.Option(help="X,Y; else the surface's own.")] = None,
    lr: Annotated[list[str] | None, typer.Option(help="A learning rate: adam=0.2; may be repeated.")] = None,
    set: Annotated[list[str] | None, typer.Option(help="Another setting: adam.beta1=0.8; may be repeated.")] = None,
    steps: Annotated[int, typer.Option(help="How many updates.")] = 200,
    view: Annotated[str, typer.Option(help="2d, from above, or 3d, from the side.")] = "2d",
    format: Annotated[str | None, typer.Option(help="webp, gif, png or svg; else by the file's ending.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file.")] = Path("descent.webp"),
    debug: Debug = False,
) -> None:
    """Animate how optimizers descend on a toy surface, run by torch.optim: for slides."""
    from generator.command import descent as descending

    form = descending.form_of(out, format)
    found, runs = descending.descended(surface, listed(optimizers), start, lr or (), set or (), steps)
    side = descending.side_of(view, found, runs)
    shown = sys.stderr.isatty()

    def tell(k: int, n: int) -> None:
        typer.echo(f"\rframe {k} of {n}", nl=k == n, err=True)

    _write(out, descending.drawn(found, runs, form, tell if shown else None, side))
    typer.echo(f"{out}   {human(out.stat().st_size)}")


@app.command()
def methods(debug: Debug = False) -> None:
    """List the methods, by the names that --methods takes."""
    from generator.methods import registry

    rows = [("name", "title", "draws on", "paper")]
    for name, info in registry().items():
        cls: Any = info.cls
        papers = "; ".join(f"{first_authors(paper.authors)} {paper.year}" for paper in cls.papers)
        rows.append((name, info.title, _DRAWS_ON[cls.scope], papers or "–"))
    typer.echo(columns(rows))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    debug: Debug = False,
) -> None:
    """Lay out a folder of your own, with fresh copies of report.yml, mkdocs.yml, templates/ and site_config/."""
    from generator.command.init import lay_out

    for path in lay_out(folder):
        typer.echo(path)
    typer.echo(f"\nNow change {folder / 'report.yml'}, then: cd {shlex.quote(str(folder))} && convatlas build")


_DRAWS_ON = {
    "layer": "a layer",
    "input": "the image",
    "weights": "the weights",
    "search": "a layer, by search",
    "class_search": "a class, by search",
    "image_search": "a layer of an image, by search",
    "set": "a layer, over a set",
}
_KEPT: dict[str, str] = {}
"""Where the running build keeps what is finished: for the sentence that Ctrl-C ends with."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; whatever goes wrong becomes a line on standard error."""
    debug = "--debug" in arguments
    _KEPT.clear()
    try:
        # Without arguments: the help. Ctrl-C comes back as 130 or as Abort, by the version of typer.
        code = int(app(list(arguments) or ["--help"], prog_name="convatlas", standalone_mode=False) or 0)
        return _stopped() if code == 130 else code
    except UserError as error:
        return _fail(str(error), 2, debug)
    except (KeyboardInterrupt, typer.Abort):
        return _stopped()
    except _UsageError as error:
        told: Any = error
        context = told.ctx
        return _fail(
            f"{told.format_message()} (see `{context.command_path if context else 'convatlas'} --help`)", 2, debug
        )
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter flushes it at exit
        return 1
    except Exception as error:
        return _fail(
            f"this is a fault of Conv Atlas: {type(error).__name__}: {error} (run again with --debug)", 1, debug
        )


def _stopped() -> int:
    return _fail(STOPPED.format(**_KEPT) if _KEPT else "Stopped.", 130, debug=False)


def _fail(sentence: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"convatlas: {' '.join(sentence.split())}", file=sys.stderr, flush=True)
    return code


def main() -> None:
    """The console script."""
    # torch's threads wait for each other by spinning. Where anything else runs on the machine, that is up to a hundred
    # times slower (docs/adr/0009). OpenMP reads this when torch is first imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    memory.keep()
    memory.large_pages()
    with answered(1.0, _stopped):
        try:
            code = run(sys.argv[1:])
        except KeyboardInterrupt:  # it came while `run` was putting another error into words
            code = _stopped()
        if code == 130:
            # Worker threads that are still in a pass would hold the interpreter back for as long as it takes.
            sys.stdout.flush()
            os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
