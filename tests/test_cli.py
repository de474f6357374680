"""The command line, as a person would call it: output, exit codes, one sentence, never a
traceback."""

import json
import re
import subprocess
import sys

import pytest
from PIL import Image, ImageChops, ImageStat

from sdplay.cli.generate import write
from sdplay.errors import LibraryError
from sdplay.metadata import read
from sdplay.params import Params
from tests.commands import ROOT, sdplay


def test_a_picture_is_made_with_its_receipt(tmp_path):
    out = tmp_path / "apple.png"
    line = ["generate", "a red apple", "--seed", "7", "--steps", "4", "--out", str(out), "--json"]
    done = subprocess.run([sys.executable, "-m", "sdplay", *line], cwd=ROOT, capture_output=True)
    told = json.loads(done.stdout)
    assert (done.returncode, told["file"], told["backend"]) == (0, str(out), "builtin")
    assert set(told) == {"file", "backend", "asked", "sent", "applied", "warnings", "timing"}
    assert told["applied"] | {"seed": 7, "steps": 4, "width": 128} == told["applied"]
    with Image.open(out) as opened:
        assert opened.size == (128, 128)


def test_the_file_holds_the_settings_it_was_made_with(tmp_path):
    out = tmp_path / "fox.png"
    sdplay(
        "generate",
        "a fox",
        "--scheduler",
        "K_EULER",
        "--steps",
        "2",
        "--seed",
        "3",
        "--out",
        str(out),
    )
    made = Params.from_dict(read(out.read_bytes()).settings)
    assert (made.prompt, made.scheduler, made.steps, made.seed) == ("a fox", "euler", 2, 3)


def test_the_same_seed_gives_the_same_file(tmp_path):
    names = [str(tmp_path / name) for name in ("a.png", "b.png")]
    for name in names:
        sdplay("generate", "a cat", "--seed", "1", "--steps", "2", "--out", name)
    one, two = (Image.open(name) for name in names)
    with one, two:
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--steps", "900"), "Steps must be between 1 and 500, not 900."),
        (("--steps", "many"), "Steps must be a whole number, not 'many'."),
        (("--size", "500x512"), "Width must be a multiple of 8, not 500. The nearest is 496."),
        (("--size", "big"), "Size must look like 512x768, not 'big'."),
        (("--scheduler", "foo"), "There is no scheduler called 'foo'."),
        (("--backend", "foo"), "There is no backend called 'foo'."),
        (
            ("--init", "nowhere.png"),
            "The start image nowhere.png could not be read: No such file or directory.",
        ),
        (("--mask", "mask.png"), "A mask needs a start image to act on. Add --init FILE."),
        (("--init", __file__), f"The start image {__file__} is no picture"),
        (("--set", "steps"), "--set needs KEY=VALUE, not 'steps'."),
        (("--colour", "red"), "Unrecognized arguments: --colour red."),
    ],
)
def test_bad_parameters_end_with_two_and_one_sentence(arguments, sentence):
    done = sdplay("generate", "x", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_a_mask_keeps_what_is_black(tmp_path):
    """The left half of the mask is black; the model's decoder moves colours there a little."""
    start, mask, out = (tmp_path / name for name in ("start.png", "маска.png", "out.png"))
    Image.new("RGB", (128, 128), "orange").save(start)
    half = Image.new("L", (128, 128))
    half.paste(255, (64, 0, 128, 128))
    half.save(mask)
    done = sdplay(
        "generate",
        "a red apple",
        "--init",
        str(start),
        "--mask",
        str(mask),
        "--steps",
        "4",
        "--strength",
        "1",
        "--set",
        "mask_blur=0",
        "--out",
        str(out),
    )
    assert done.returncode == 0, done.stderr
    with Image.open(out) as made, Image.open(start) as before:
        apart = ImageChops.difference(made.convert("RGB"), before)
    halves = apart.crop((8, 8, 56, 120)), apart.crop((72, 8, 120, 120))
    kept, painted = (sum(ImageStat.Stat(half).mean) for half in halves)
    assert kept * 3 < painted


def test_what_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    done = sdplay("generate", "x", "--steps", "1", "--out", f"{tmp_path}/file/x.png")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "file/x.png cannot be written: a file stands where a folder should be." in done.stderr
    done = sdplay("generate", "x", "--steps", "1", "--out", str(tmp_path))
    assert (done.returncode, f"{tmp_path} is a folder." in done.stderr) == (2, True)


def test_a_picture_that_cannot_be_written_lies_elsewhere(tmp_path, monkeypatch):
    """As when the disk filled up meanwhile."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    aside = tmp_path / "full"
    aside.mkdir()
    (aside / "x.png").mkdir()
    with pytest.raises(LibraryError, match=f"It lies in {tmp_path}/x.png instead"):
        write(aside / "x.png", b"a picture")
    assert (tmp_path / "x.png").read_bytes() == b"a picture"


def test_an_unreachable_backend_ends_with_one_and_one_sentence(monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_URL", "http://127.0.0.1:9")
    done = sdplay("generate", "x", "--backend", "a1111")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:9" in done.stderr


def test_a_setting_and_a_raw_field_can_be_set():
    done = sdplay("generate", "x", "--set", "cfg=40")
    assert done.stderr.startswith("CFG scale must be between 1 and 30, not 40.")


def test_without_out_a_new_name_is_chosen(tmp_path):
    for _ in range(2):
        sdplay("generate", "Лиса, a fox!", "--steps", "1", "--seed", "5", cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "лиса-a-fox-5-2.png",
        "лиса-a-fox-5.png",
    ]


def test_schedulers_and_backends_are_listed_as_json():
    schedulers, backends = (
        json.loads(sdplay(what, "--json").stdout) for what in ("schedulers", "backends")
    )
    assert {"pndm", "lms", "ddim", "euler", "euler_a", "heun", "dpmpp_2m"} <= {
        each["id"] for each in schedulers
    }
    assert backends[0]["name"] == "builtin"


def test_schedulers_are_listed_with_their_names_elsewhere():
    assert re.search(
        r"euler_a .*ancestral.*\n +Also called: .*Euler a, .*K_EULER_ANCESTRAL",
        sdplay("schedulers").stdout,
    )


@pytest.mark.parametrize("more", [["--tiling"], ["--set", "tiling=yes"]])
def test_a_yes_or_no_is_a_flag_that_may_stand_alone(more, tmp_path):
    out = ("--out", str(tmp_path / "a.png"))
    done = sdplay("generate", "a fox", "--steps", "1", "--size", "96x96", *out, *more)
    assert done.returncode == 0
    assert "Tiling has no effect here" in done.stdout
