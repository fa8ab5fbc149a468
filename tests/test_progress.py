"""The progress display: lines in a log by a clock of the test's own, and a live display that leaves what matters."""

from __future__ import annotations

import io
import threading

import pytest

from generator.command.progress import Live, Plain, Silent, for_stream, lasting


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_at_the_start_every_few_seconds_and_at_the_end():
    out, clock = io.StringIO(), Clock()
    with Plain(out, every=5, clock=clock).stage("passes", total=8) as stage:
        for second in range(1, 9):
            clock.now = 100.0 + second
            stage.advance(what=f"image-{second}\x1b[31m.jpg")
    assert out.getvalue().splitlines() == [
        "passes (0/8)",
        "passes 5/8  1.0/s  3.0 s left  image-5 [31m.jpg",
        "passes: done in 8.0 s, 8 in all",
    ]


def test_plain_lines_of_a_stage_of_unknown_length():
    out, clock = io.StringIO(), Clock()
    with Plain(out, every=5, clock=clock).stage("pages") as stage:
        clock.now += 20
        stage.advance(2)
    assert out.getvalue().splitlines() == ["pages", "pages 2  10.0 s each", "pages: done in 20 s, 2 in all"]


def test_a_stage_that_fails_is_not_done():
    out = io.StringIO()
    with pytest.raises(ValueError, match="no"), Plain(out).stage("passes"):
        raise ValueError("no")
    assert out.getvalue() == "passes\n"


def test_many_threads_lose_no_count():
    out = io.StringIO()
    with Plain(out).stage("files", total=4000) as stage:
        threads = [threading.Thread(target=lambda: [stage.advance() for _ in range(1000)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert out.getvalue().splitlines()[-1].endswith(", 4000 in all")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_live_display_shows_stages_and_leaves_the_last_word(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    out = Terminal()
    progress = for_stream(out)
    assert isinstance(progress, Live)
    with progress.stage("[red]passes", total=2) as stage:
        stage.advance(what="a.jpg")
        progress.say("skipped b.jpg: [bold] not an image")
        stage.advance(what="c.jpg")
    with progress.stage("pages"):
        pass
    shown = out.getvalue()
    assert "skipped b.jpg: [bold] not an image" in shown
    assert "[red]passes" in shown
    assert shown.count("done in ") >= 2
    assert shown.rstrip().endswith("\x1b[?25h")  # the cursor is back


def test_the_live_display_ends_with_an_error_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with pytest.raises(KeyboardInterrupt), Live(out).stage("passes", total=2):
        raise KeyboardInterrupt
    assert out.getvalue().rstrip().endswith("\x1b[?25h")


def test_a_log_and_a_dumb_terminal_get_plain_lines(monkeypatch: pytest.MonkeyPatch):
    assert isinstance(for_stream(io.StringIO()), Plain)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(for_stream(Terminal()), Plain)


def test_silent_is_silent(capsys: pytest.CaptureFixture[str]):
    with Silent().stage("passes", total=1) as stage:
        stage.advance()
    Silent().say("a")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (3725, "1 h 2 min")],
)
def test_durations(seconds: float, shown: str):
    assert lasting(seconds) == shown
