"""Nothing made is ever lost: killed processes, full disks, locked and damaged databases, two
writers at once."""

import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sdplay.errors import LibraryError
from sdplay.library import Library, Query
from tests.local_process import until
from tests.making import finished
from tests.suites import in_full

SAVING = Path(__file__).parent / "saving.py"


@pytest.fixture
def library(tmp_path):
    with closing(Library(tmp_path, patience=0.2)) as opened:
        yield opened


@contextmanager
def disk_full_at(size):
    """No file can grow beyond this: what a full disk looks like to one process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def read_only(folder):
    """Nobody may write there, not even who runs the tests as root."""
    was_root = os.geteuid() == 0
    folder.chmod(0o555)
    if was_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)
        folder.chmod(0o755)


def ids(found):
    return {kept.id for kept in found}


def test_many_kills_lose_nothing_that_was_called_finished(tmp_path):
    kills = in_full(200, 50)
    done = subprocess.run(
        [sys.executable, SAVING, "kill", tmp_path, str(kills)],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stderr)
    assert len(told["told"]) >= kills
    assert set(told["told"]) <= set(told["listed"])
    assert told["broken"] == []
    with closing(Library(tmp_path)) as library:
        found = library.reindex()
        assert (found.damaged, found.without_owner) == (0, 0)
        assert found.listed >= len(told["listed"])


def test_two_processes_write_at_once_from_the_first_moment(tmp_path):
    both = [
        subprocess.Popen(
            [sys.executable, SAVING, "save", tmp_path, "30"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = {line for process in both for line in process.communicate()[0].split()}
    assert [process.returncode for process in both] == [0, 0]
    with closing(Library(tmp_path)) as library:
        assert ids(library.recent("ann", limit=100)) == told
        assert len(told) == 60


def test_a_database_that_another_process_has_just_begun_is_waited_for(tmp_path):
    with closing(
        sqlite3.connect(tmp_path / "library.db", isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        done = threading.Timer(0.3, other.commit)
        done.start()
        with closing(Library(tmp_path)) as library:
            done.join()
            assert library.recent() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_no_other_user_of_the_machine_reads_a_picture(library):
    saved = library.save(finished())
    for kind, name in (("originals", saved.file), ("records", saved.id)):
        assert library.files.place(kind, name).stat().st_mode & 0o077 == 0


def test_a_full_disk_is_said_and_loses_nothing(library):
    kept = library.save(finished(seed=1))
    with (
        disk_full_at(100),
        pytest.raises(
            LibraryError, match=r"could not be written to .*: File too large\. Make room"
        ),
    ):
        library.save(finished(seed=2))
    assert ids(library.recent()) == {kept.id}
    assert list(library.files.folder.rglob("*.new")) == []
    assert library.save(finished(seed=2)).id in ids(library.recent())


def test_a_full_database_keeps_the_picture_for_the_next_reindex(library, tmp_path):
    library.index.close()
    with (
        disk_full_at(4000),
        pytest.raises(LibraryError, match=r"database refused: .* The picture files are safe"),
    ):
        library.save(finished(seed=2), "ann")
    assert library.recent("ann") == []
    assert library.reindex().listed == 1
    assert library.recent("ann")[0].params.seed == 2


def test_a_locked_database_is_said_and_the_picture_is_safe(library, tmp_path):
    with closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match="database is locked. The picture files are safe"):
            library.save(finished(), "ann")
        assert library.recent("ann") == []
        other.execute("ROLLBACK")
    library.reindex()
    assert len(library.recent("ann")) == 1


def test_a_read_only_folder_is_said():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with closing(Library(Path(folder) / "home")) as library:
            library.save(finished(seed=1))
            (Path(folder) / "home" / "pictures" / "originals").chmod(0o555)
            with (
                read_only(Path(folder) / "home" / "pictures"),
                pytest.raises(LibraryError, match="Permission denied"),
            ):
                library.save(finished(seed=2))
            (Path(folder) / "home" / "pictures" / "originals").chmod(0o755)
            assert [kept.params.seed for kept in library.recent()] == [1]


def test_a_data_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        LibraryError, match="cannot be made: Not a directory. Choose another with SDPLAY_HOME"
    ):
        Library(tmp_path / "file" / "home")


def test_a_damaged_database_says_how_to_mend_it(tmp_path):
    (tmp_path / "library.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(LibraryError, match="python -m sdplay library reindex makes it anew"):
        Library(tmp_path)


def flipped(place, at):
    """Turn one bit of the record at this byte, inside the database and behind its back."""
    with closing(sqlite3.connect(place, isolation_level=None)) as database:
        database.text_factory = bytes
        (text,) = database.execute("SELECT record FROM records ORDER BY at LIMIT 1").fetchone()
        damaged = text[:at] + bytes([text[at] ^ 0x80]) + text[at + 1 :]
        database.execute(
            "UPDATE records SET record = CAST(? AS TEXT) WHERE at = (SELECT min(at) FROM records)",
            (damaged,),
        )
        return text


def restored(place, text):
    with closing(sqlite3.connect(place, isolation_level=None)) as database:
        database.execute(
            "UPDATE records SET record = CAST(? AS TEXT) WHERE at = (SELECT min(at) FROM records)",
            (text,),
        )


def test_a_flipped_byte_anywhere_costs_nothing_and_names_no_owner(library, tmp_path):
    library.save(finished(seed=1, prompt="狐"), "ann-secret")
    library.save(finished(seed=2), "ann-secret")
    length = len(json.dumps(library.index.page(Query(), "ann-secret", None, 9)[1][0]))
    for at in range(0, length - 1, 5):
        text = flipped(tmp_path / "library.db", at)
        found = library.page("", "ann-secret").pictures
        assert len(found) == 2
        assert library.total("", "ann-secret").count == 2
        restored(tmp_path / "library.db", text)


def test_a_record_damaged_twice_costs_only_itself_and_is_told(library, tmp_path):
    lost = library.save(finished(seed=1), "ann-secret")
    there = library.save(finished(seed=2), "ann-secret")
    flipped(tmp_path / "library.db", 0)
    library.files.place("records", lost.id).write_bytes(b"{")

    assert ids(library.page("", "ann-secret").pictures) == {there.id}
    assert library.get(lost.id, "ann-secret") is None
    assert library.damaged == {lost.id}
    assert (library.damaged_of("ann-secret"), library.damaged_of("bob")) == (1, 0)
    assert library.reindex(adopt="ann-secret").adopted == 1
    assert [kept.params.seed for kept in library.recent("ann-secret")] == [1, 2]


@pytest.mark.parametrize("trouble", ["locked", "read-only", "busy writing"])
def test_a_database_in_trouble_is_never_set_aside(trouble, tmp_path, monkeypatch):
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path))
    with closing(Library(tmp_path)) as library:
        library.save(finished(seed=1), "ann")
    database = tmp_path / "library.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        if trouble == "locked":
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("PRAGMA journal_mode=DELETE")
            other.execute("BEGIN EXCLUSIVE")
        elif trouble == "busy writing":
            other.execute("BEGIN IMMEDIATE")
        else:
            database.chmod(0o444)
        with contextlib.suppress(LibraryError):
            Library.mended(patience=0.2).close()

    assert database.exists()
    assert list(tmp_path.glob("*.damaged-*")) == []


def test_a_damaged_database_is_set_aside_and_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path))
    with closing(Library(tmp_path)) as library:
        saved = library.save(finished(seed=1), "ann")
    for place in tmp_path.glob("library.db-*"):
        place.unlink()
    (tmp_path / "library.db").write_bytes(b"no database at all" * 1000)

    with closing(Library.mended()) as again:
        assert ids(again.recent("ann")) == {saved.id}
    assert len(list(tmp_path.glob("library.db.damaged-*"))) == 1


def test_a_home_that_may_not_be_read_is_said_in_a_sentence(monkeypatch):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        with closing(Library(home)) as library:
            library.save(finished(seed=1), "ann")
        (home / "library.db").write_bytes(b"no database at all" * 1000)
        monkeypatch.setenv("SDPLAY_HOME", str(home))
        (home / "library.db").chmod(0o644)
        with read_only(home), pytest.raises(LibraryError, match="Check the folder's permissions"):
            Library.mended()


def test_a_lost_database_is_made_anew_by_itself(library, tmp_path):
    kept = library.save(finished(seed=1), "ann", tags=["good"])
    library.update(kept, "ann", stars=5, note="light")
    library.delete(library.save(finished(seed=2), "ann"), "ann")
    before = library.page("", "ann")
    library.close()
    for place in tmp_path.glob("library.db*"):
        place.unlink()
    with closing(Library(tmp_path)) as again:
        assert again.page("", "ann") == before
        assert again.page("good", "ann") == before
        assert len(again.page(Query(deleted=True), "ann").pictures) == 1


def test_reindex_drops_what_is_gone_and_keeps_what_is_there(library):
    one, two = library.save(finished(seed=1)), library.save(finished(seed=2))
    library.files.remove("originals", one.file)
    found = library.reindex()
    assert (found.listed, found.missing) == (1, 1)
    assert ids(library.recent()) == {two.id}


def test_a_record_cut_in_half_is_counted_not_listed(library):
    one = library.save(finished(seed=1), "ann")
    library.save(finished(seed=2), "ann")
    place = library.files.place("records", one.id)
    place.write_bytes(place.read_bytes()[:100])
    found = library.reindex()
    assert (found.listed, found.damaged, found.without_owner) == (1, 1, 1)


@pytest.mark.parametrize("name", [".0123456789ab.new", ".new-half"], ids=["today", "before"])
def test_what_a_killed_process_left_is_swept_away(library, name):
    library.save(finished())
    half = library.files.folder / "originals" / "ab" / name
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    assert library.reindex().listed == 1
    assert not half.exists()


def test_what_a_killed_process_left_is_swept_away_at_the_start(library, tmp_path, monkeypatch):
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path))
    saved = library.save(finished())
    place = library.files.folder / "records" / "ab"
    old, fresh = place / ".aaaaaaaaaaaa.new", place / ".bbbbbbbbbbbb.new"
    beside = tmp_path / ".0123456789ab.new"
    old.parent.mkdir(exist_ok=True)
    for half in (old, fresh, beside):
        half.write_bytes(b"half")
    for half in (old, beside):
        os.utime(half, (0, 0))
    with closing(Library.mended()) as again:
        until(lambda: not old.exists() and not beside.exists())
        assert ids(again.recent()) == {saved.id}
    assert fresh.exists()


def test_a_picture_saved_while_its_twin_is_purged_keeps_its_file(library):
    twin = library.save(finished(), "ann")
    library.delete(twin, "ann")
    saved = library.save(finished(), "ann")
    library.purge("ann")
    assert library.data(saved)


def test_an_index_of_an_earlier_form_is_made_anew_from_its_records(library, tmp_path):
    kept = library.save(finished(seed=1), "ann")
    with closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as other:
        other.execute("UPDATE facts SET value = 'older'")
        other.execute("ALTER TABLE pictures DROP COLUMN mask_blur")
    with closing(Library(tmp_path)) as again:
        assert ids(again.page("mask_blur=4 fox", "ann").pictures) == {kept.id}


@pytest.mark.parametrize("name", ["../x", "..", "", "a/b", "C:\\x", "x\0y", "ä"])
def test_a_name_that_is_a_path_is_refused_everywhere(library, name):
    for way in (library.files.read, library.files.has, library.files.remove):
        with pytest.raises(LibraryError, match="not the name of a picture"):
            way("originals", name)
    assert library.get(name) is None
