"""`info` and `library` on the command line: output, exit codes, one sentence, never a traceback."""

import json

import pytest

from sdplay.library import Library
from sdplay.metadata import converted, sign
from sdplay.metadata.png import with_texts
from sdplay.picture import png_bytes
from tests import commands
from tests.making import colour, finished


def sdplay(*arguments):
    done = commands.sdplay(*arguments)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A library with two pictures, in the folder that the settings name."""
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path / "home"))
    opened = Library(tmp_path / "home")
    for seed in (1, 2):
        opened.save(finished(seed=seed, prompt=f"fox {seed}"), "ann")
    opened.close()
    return tmp_path / "home"


def test_info_reads_every_kind_of_file(tmp_path):
    made = finished(seed=3)
    signed = sign(made.data, made)
    (tmp_path / "a.png").write_bytes(signed)
    (tmp_path / "b.jpg").write_bytes(converted(signed, "JPEG"))
    done = sdplay("info", tmp_path / "a.png", tmp_path / "b.jpg", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert [(each["dialect"], each["settings"]["seed"], each["width"]) for each in told] == [
        ("sdplay", 3, 64),
        ("A1111", 3, 64),
    ]


def test_info_says_it_in_words(tmp_path):
    text = "a fox\nSteps: 9, Sampler: Euler a, CFG scale: 7, Seed: 3, Size: 64x64"
    (tmp_path / "a.png").write_bytes(with_texts(png_bytes(colour()), {"parameters": text}))
    told = sdplay("info", tmp_path / "a.png").stdout
    assert told.startswith(f"{tmp_path / 'a.png'}  64×64  A1111\n  Prompt: a fox\n")
    assert "  Scheduler: Euler a\n" in told


def test_info_leaves_out_what_does_nothing(tmp_path):
    picture = finished(clip_skip=2)
    (tmp_path / "a.png").write_bytes(sign(picture.data, picture))
    told = sdplay("info", tmp_path / "a.png").stdout
    assert ("Steps: " in told, "Clip skip: 2" in told, "Hires" in told) == (True, True, False)


def test_info_goes_on_after_a_bad_file_and_ends_with_one(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"hello")
    (tmp_path / "good.png").write_bytes(png_bytes(colour()))
    done = sdplay("info", tmp_path / "bad.png", tmp_path / "none.png", tmp_path / "good.png")
    assert done.returncode == 1
    assert "good.png  64×64\n  The picture carries no settings." in done.stdout
    assert done.stderr.splitlines() == [
        f"{tmp_path / 'bad.png'}: The file could not be read as a picture. Choose a PNG, JPEG "
        "or WebP.",
        f"{tmp_path / 'none.png'}: No such file or directory",
    ]


def test_find_lists_and_totals(home):
    told = sdplay("library", "find", "fox", "seed=2").stdout
    assert "seed 2  1.5 s  fox 2\n" in told
    assert told.endswith("1 picture, 2 s of work in all, 1.5 s each.\n")


def test_find_speaks_json(home):
    told = json.loads(sdplay("library", "find", "--json", "--owner", "ann").stdout)
    assert [each["settings"]["seed"] for each in told] == [2, 1]


def test_csv_prints_one_line_a_picture(home):
    assert len(sdplay("library", "csv", "seed=1").stdout.splitlines()) == 2


def test_export_import_and_reindex_bring_a_library_elsewhere(home, tmp_path, monkeypatch):
    assert "2 pictures written" in sdplay("library", "export", tmp_path / "all.zip").stdout
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path / "there"))
    assert "2 pictures taken in" in sdplay("library", "import", tmp_path / "all.zip").stdout
    (tmp_path / "there" / "library.db").write_bytes(b"no database" * 1000)
    assert sdplay("library", "reindex").stdout == "2 pictures listed, 0 adopted.\n"
    assert len(json.loads(sdplay("library", "find", "--owner", "ann", "--json").stdout)) == 2


def test_a_bad_source_does_not_keep_the_next_from_being_taken_in(home, tmp_path):
    colour(9).save(tmp_path / "лиса.png")
    done = sdplay("library", "import", tmp_path / "nowhere.zip", tmp_path / "лиса.png")
    assert done.returncode == 1
    assert "nowhere.zip could not be read: No such file or directory." in done.stderr
    assert "1 picture taken in from" in done.stdout


def test_folders_of_pictures_are_taken_in(home, tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.png").write_bytes(png_bytes(colour(9)))
    (tmp_path / "in" / "b.webp").write_bytes(b"broken")
    done = sdplay("library", "import", tmp_path / "in", "--owner", "ann")
    assert (done.returncode, done.stdout) == (1, f"1 picture taken in from {tmp_path / 'in'}.\n")
    assert "b.webp: The file could not be read as a picture." in done.stderr


def test_pictures_without_a_record_wait_for_an_owner(home):
    for place in (home / "pictures" / "records").rglob("*.json"):
        place.unlink()
    assert "2 pictures have no record and are not listed" in sdplay("library", "reindex").stdout
    assert "0 pictures listed, 2 adopted." in sdplay("library", "reindex", "--adopt", "ann").stdout
    assert len(json.loads(sdplay("library", "find", "--owner", "ann", "--json").stdout)) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("find", "stepz=3"), 2, "There is no setting called 'stepz' to look for."),
        (("find", "--limit", "x"), 2, "Argument --limit: invalid int value: 'x'."),
        (("dance",), 2, "Argument ACTION: invalid choice: 'dance'"),
        (("import", "none.zip"), 1, "none.zip could not be read: No such file or directory."),
        (
            ("export", "/nowhere/all.zip"),
            1,
            "The zip file could not be written to /nowhere/all.zip: No such file",
        ),
    ],
)
def test_errors_are_one_sentence(home, arguments, code, sentence):
    done = sdplay("library", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert done.stderr.startswith(sentence)


def test_a_damaged_index_says_how_to_mend_it(home):
    (home / "library.db").write_bytes(b"no database" * 1000)
    done = sdplay("library", "find")
    assert done.returncode == 1
    assert "python -m sdplay library reindex" in done.stderr


def test_the_bin_is_emptied(home):
    assert sdplay("library", "purge", "--days", "0").stdout == "0 pictures removed for good.\n"
