"""The command `film`: frames into one file, made once, and sentences for what cannot be."""

import io
import os
import signal
from contextlib import redirect_stderr, redirect_stdout

import pytest
from PIL import Image

from sdplay.cli.main import main
from sdplay.library import Library
from tests.commands import Command
from tests.local_process import until

APPLE = ("film", "a red apple", "--size", "128x128", "--steps", "2", "--seed", "7")


def ran(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(map(str, arguments)))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def saved():
    """The library's pictures, the oldest first."""
    library = Library.opened()
    try:
        return library.recent(limit=100)[::-1]
    finally:
        library.close()


def test_a_film_goes_from_frame_to_frame():
    code, said, _ = ran(*APPLE, "--frames", 4, "--zoom", 1.05, "--fps", 10, "--out", "apple.gif")
    assert (code, said.startswith("apple.gif  4 of 4 frames, 0.4 s, ")) == (0, True)
    with Image.open("apple.gif") as film:
        assert (film.n_frames, film.size, film.info["duration"]) == (4, (128, 128), 100)
    pictures = saved()
    assert [picture.params.seed for picture in pictures] == [7, 8, 9, 10]
    assert [picture.params.strength for picture in pictures][1:] == [0.4, 0.4, 0.4]


def test_the_same_command_again_makes_only_what_is_missing():
    ran(*APPLE, "--frames", 2, "--out", "a.gif")
    code, _, _ = ran(*APPLE, "--frames", 4, "--out", "b.gif")
    assert (code, len(saved())) == (0, 4)


def test_a_film_goes_from_one_prompt_and_seed_to_another():
    ends = ("--to", "prompt=a blue apple", "--to", "seed=9")
    code, said, _ = ran(*APPLE, *ends, "--frames", 3)
    assert (code, said.split("  ")[0]) == (0, "a-red-apple-7.webp")
    prompts = {picture.params.prompt for picture in saved()}
    assert prompts == {"a red apple", "a (red:0.5) (blue:0.5) apple", "a blue apple"}


def test_stopping_saves_the_frames_that_are_there(tmp_path):
    running = Command(*APPLE, "--frames", "900", "--out", "apple.gif", cwd=tmp_path)
    until(lambda: len(saved()) >= 3)
    os.kill(running.pid, signal.SIGINT)
    ended = running.done()
    assert (ended.returncode, "of 900 frames" in ended.stdout) == (130, True), ended.stderr
    with Image.open(tmp_path / "apple.gif") as film:
        assert film.n_frames >= 2  # the third may not be taken yet when it is in the library


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--frames", 0), "Frames must be between 1 and 1,000, not 0."),
        (("--zoom", 9), "Zoom must be between 0.1 and 5, not 9."),
        (("--fps", 0), "Frames a second must be between 1 and 50, not 0."),
        (("--out", "a.avi"), "--out must end with .webp or .gif or .mp4, not 'a.avi'."),
        (("--to", "scheduler=heun"), "Scheduler cannot change little by little."),
        (("--to", "colour=red"), "--to needs one of our settings, like prompt or cfg."),
        (("--to", "cfg=3", "--zoom", 2), "A film between two settings has no --zoom"),
    ],
)
def test_what_cannot_be_gets_a_sentence(arguments, sentence):
    code, _, said = ran(*APPLE, *arguments)
    assert (code, said.startswith(sentence)) == (2, True), said
