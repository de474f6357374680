"""Out and in again: zips of a selection and of everything, CSV, and what goes wrong with foreign
zips."""

import csv
import io
import json
import zipfile
from contextlib import closing

import pytest
from PIL import Image

from sdplay.errors import LibraryError
from sdplay.library import Library, Query
from sdplay.library.carry import exported, imported, table
from sdplay.metadata import read
from sdplay.picture import Frame, Picture, png_bytes
from tests.making import colour, finished


@pytest.fixture
def library(tmp_path):
    with closing(Library(tmp_path / "here")) as opened:
        yield opened


@pytest.fixture
def elsewhere(tmp_path):
    with closing(Library(tmp_path / "there")) as opened:
        yield opened


def everything(library):
    """All that a library knows, by picture, except where a picture stands in the order of its
    microsecond."""
    kept = [*library.page("", None).pictures, *library.page(Query(deleted=True), None).pictures]
    return {each.id: (each, library.data(each), library.frames(each)) for each in kept}


def rich(library):
    made = finished(init=png_bytes(Image.new("RGB", (8, 8))), seed=1)
    framed = Picture(
        made.data,
        made.params,
        "test",
        made.timing,
        made.receipt,
        frames=(Frame(1, 1.0, 0.1, b"c", b"n"),),
    )
    one = library.save(framed, "ann", tags=["good"])
    library.update(one, "ann", stars=5, note="warm, light")
    library.share(library.save(finished(seed=2), "bob"), "bob")
    library.delete(library.save(finished(seed=3), "ann"), "ann")
    library.save(finished(seed=4, prompt="狐 🦊"))
    return library


def test_a_whole_library_goes_out_and_comes_in_without_loss(library, elsewhere, tmp_path):
    link = rich(library).shorten("prompt=fox")
    assert exported(library, tmp_path / "all.zip", owner=None).pictures == 4
    assert imported(elsewhere, tmp_path / "all.zip", None).pictures == 4
    assert everything(elsewhere) == everything(library)
    assert elsewhere.expanded(link) == "prompt=fox"


def test_coming_in_twice_changes_nothing(library, elsewhere, tmp_path):
    exported(rich(library), tmp_path / "all.zip", owner=None)
    imported(elsewhere, tmp_path / "all.zip", None)
    before = everything(elsewhere)
    again = imported(elsewhere, tmp_path / "all.zip", None)
    assert (again.pictures, again.known) == (0, 4)
    assert everything(elsewhere) == before


def test_a_selection_holds_pictures_csv_and_json(library):
    rich(library)
    kept = io.BytesIO()
    assert exported(library, kept, "seed=1..2", "ann").pictures == 1
    with zipfile.ZipFile(kept) as archive:
        names = archive.namelist()
        picture = next(name for name in names if name.endswith(".png"))
        rows = list(csv.DictReader(io.StringIO(archive.read("pictures.csv").decode("utf-8-sig"))))
        told = json.loads(archive.read("pictures.json"))
        assert read(archive.read(picture)).settings["seed"] == 1
    assert (rows[0]["file"], rows[0]["seed"], rows[0]["seconds_total"], rows[0]["note"]) == (
        picture,
        "1",
        "1.5",
        "warm, light",
    )
    assert [record["stars"] for record in told] == [5]


def test_no_owners_name_leaves_with_a_selection(library):
    rich(library)
    kept = io.BytesIO()
    exported(library, kept, [each.id for each in library.page("", "ann").pictures], "ann")
    with zipfile.ZipFile(kept) as archive:
        assert b"ann" not in b"".join(archive.read(name) for name in archive.namelist())


def test_pictures_of_others_do_not_go_out_by_their_id(library):
    rich(library)
    theirs = library.save(finished(seed=9), "bob")
    assert exported(library, io.BytesIO(), [theirs.id], "ann").pictures == 0


def test_what_is_taken_in_is_private_to_who_takes_it(library, elsewhere):
    kept = io.BytesIO()
    exported(rich(library), kept, "", "ann")
    assert imported(elsewhere, kept, "carl").pictures == 2
    assert {each.owner for each in elsewhere.page("", None).pictures} == {"carl"}
    assert elsewhere.page(Query(scope="all"), "ann").pictures == ()


def test_a_zip_of_any_pictures_is_taken_in(library):
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("../../evil.png", png_bytes(colour(1)))
        archive.writestr("notes.txt", "hello")
        archive.writestr("half.png", png_bytes(colour(2))[:50])
    carried = imported(library, kept, "ann")
    assert carried.pictures == 1
    assert carried.problems[0].startswith("half.png: ")


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\3\4" + b"\0" * 40])
def test_what_is_no_zip_is_said(library, data):
    with pytest.raises(LibraryError, match="zip file could not be read"):
        imported(library, io.BytesIO(data))


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../etc/passwd"},
        {"id": "../x"},
        {"made": "soon"},
        {"made": -1},
        {"stars": 99},
        {"record": 3},
        {"tags": [3]},
        {"owner": None},
        {"record": {"params": {}}},
        {"width": "<b>"},
        {"file": "0" * 64},
        {"made": 2**80},
    ],
)
def test_a_forged_record_is_left_out_in_a_sentence(library, elsewhere, change):
    library.save(finished(), "ann")
    kept, forged = io.BytesIO(), io.BytesIO()
    exported(library, kept, owner=None)
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "pictures.json":
                data = json.dumps([json.loads(data)[0] | change]).encode()
            new.writestr(name, data)
    carried = imported(elsewhere, forged, None)
    assert (carried.pictures, len(carried.problems)) == (0, 1)
    assert elsewhere.page("", None).pictures == ()


def test_a_picture_changed_inside_the_zip_is_left_out(library, elsewhere):
    library.save(finished(), "ann")
    kept, forged = io.BytesIO(), io.BytesIO()
    exported(library, kept, owner=None)
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            new.writestr(name, png_bytes(colour(77)) if name.endswith(".png") else old.read(name))
    assert "is damaged" in imported(elsewhere, forged, None).problems[0]


def test_a_zip_that_cannot_be_written_leaves_nothing(library, tmp_path):
    library.save(finished())
    with pytest.raises(LibraryError, match="could not be written"):
        exported(library, tmp_path / "missing" / "all.zip")
    assert not (tmp_path / "missing").exists()


def test_exports_to_one_name_at_once_do_not_write_into_each_other(library, tmp_path):
    saved, file = library.save(finished()), tmp_path / "all.zip"

    class Meanwhile(list):
        def __iter__(self):
            exported(library, file)
            return super().__iter__()

    assert exported(library, file, Meanwhile([saved.id])).pictures == 1
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
    assert [path.name for path in tmp_path.glob("*.zip*")] == ["all.zip"]


def test_a_missing_file_does_not_stop_the_others(library, elsewhere):
    library.save(finished(seed=1))
    lost = library.save(finished(seed=2))
    library.files.remove("originals", lost.file)
    kept = io.BytesIO()
    carried = exported(library, kept)
    assert (carried.pictures, len(carried.problems)) == (1, 1)
    exported(library, kept, [lost.id])
    assert imported(elsewhere, kept).problems[0].endswith("is missing in the zip file.")


def test_csv_never_holds_a_formula(library):
    library.save(finished(prompt="=1+1", negative="-a"))
    row = next(csv.DictReader(io.StringIO(table(library))))
    assert (row["prompt"], row["negative"], row["cfg"]) == ("'=1+1", "'-a", "7")
