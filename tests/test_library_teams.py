"""A team's library: a real PostgreSQL and a real S3 server, several processes, and one person never
sees another's."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sql

from sdplay.errors import LibraryError
from sdplay.library import Library, query
from sdplay.library.carry import exported, imported
from sdplay.picture import Frame, Picture
from sdplay.settings import without_secrets
from tests.libraries import new_database
from tests.making import finished

SAVING = Path(__file__).parent / "saving.py"


@pytest.fixture
def database():
    return new_database()


@pytest.fixture
def s3(moto):
    """The address of a running S3 server, reached by the variables that every S3 program reads."""
    pytest.importorskip("s3fs", reason="needs s3fs: pip install '.[teams]'")
    return f"http://127.0.0.1:{moto}"


@pytest.fixture
def bucket(s3, monkeypatch):
    """An empty bucket."""
    import s3fs

    told = {
        "AWS_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    name = f"b{os.urandom(6).hex()}"
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem(use_listings_cache=False).mkdir(name)
    yield f"s3://{name}/pictures"
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def team(tmp_path, database, bucket):
    with closing(Library(tmp_path / "one", database, bucket)) as opened:
        yield opened


def framed(**settings):
    made = finished(**settings)
    frames = (Frame(1, 14.6, 0.1, b"clean", b"noisy"),)
    return Picture(made.data, made.params, "test", made.timing, made.receipt, "v1", frames)


def test_what_one_machine_saves_another_shows(team, tmp_path, database, bucket):
    saved = team.save(framed(seed=3, init=finished().data), "ann")
    with closing(Library(tmp_path / "two", database, bucket)) as other:
        found = other.get(saved.id, "ann")
        assert found == saved
        assert other.data(found) == team.data(saved)
        assert other.frames(found)[0].clean == b"clean"
        assert other.thumbnail(found)[:2] == b"\xff\xd8"
    assert not (tmp_path / "one" / "pictures").exists()


def test_a_disk_that_is_wiped_loses_nothing(tmp_path, bucket):
    with closing(Library(tmp_path / "before", store=bucket)) as library:
        saved = library.save(finished(seed=3), "ann", tags=["good"])
        link = library.shorten("prompt=fox")
    with closing(Library(tmp_path / "after", store=bucket)) as library:
        assert library.page("good", "ann").pictures == (saved,)
        assert library.expanded(link) == "prompt=fox"


def test_a_bin_is_emptied_in_the_store_too(team):
    saved = team.save(framed(), "ann")
    team.delete(saved, "ann")
    assert team.purge("ann") == 1
    assert [
        list(team.files.names(kind)) for kind in ("originals", "records", "frames", "thumbnails")
    ] == [[]] * 4


def test_a_team_library_goes_to_one_machine_and_back(team, tmp_path):
    team.update(team.save(framed(seed=1), "ann"), "ann", stars=3)
    exported(team, tmp_path / "all.zip", owner=None)
    with closing(Library(tmp_path / "alone")) as alone:
        assert imported(alone, tmp_path / "all.zip", None).pictures == 1
        assert alone.page("", "ann") == team.page("", "ann")


def test_two_processes_write_to_one_database_at_once(tmp_path, database):
    both = [
        subprocess.Popen(
            [sys.executable, SAVING, "save", tmp_path / "one", "30", database],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = {line for process in both for line in process.communicate()[0].split()}
    assert [process.returncode for process in both] == [0, 0]
    with closing(Library(tmp_path / "one", database)) as library:
        assert {kept.id for kept in library.recent("ann", limit=100)} == told
        assert len(told) == 60


def test_pictures_of_one_moment_stand_side_by_side(team):
    team.save(finished(seed=1), "ann")
    record, _ = team.index.page(query(""), "ann", None, 1)[0]
    for number in range(5):
        team.index.add({**record, "id": f"twin{number}"})
    assert len(team.page("fox", "ann").pictures) == 6


def test_a_lost_index_is_made_anew_from_the_store(team, tmp_path, bucket):
    saved = team.save(finished(), "ann")
    with closing(Library(tmp_path / "new", new_database(), bucket)) as other:
        assert other.page("", "ann").pictures == (saved,)
        assert other.reindex().listed == 1


@pytest.mark.parametrize(
    "look",
    [
        lambda library, kept: library.get(kept.id, "bob"),
        lambda library, kept: library.by_key(kept.key, "bob"),
        lambda library, kept: library.thumbnails_of([kept.id], "bob"),
        lambda library, kept: library.page("", "bob").pictures,
        lambda library, kept: library.search("bob", "fox"),
        lambda library, kept: library.page(query("fox", scope="all"), "bob").pictures,
        lambda library, kept: library.page(query("", scope="shared"), "bob").pictures,
        lambda library, kept: library.page(query("", deleted=True), "bob").pictures,
        lambda library, kept: library.near(kept, "bob"),
        lambda library, kept: library.values("scheduler", "bob"),
        lambda library, kept: library.total("fox", "bob").count,
        lambda library, kept: library.index.groups([kept.group], "bob", False),
        lambda library, kept: library.recent(""),
        lambda library, kept: library.purge("bob"),
    ],
)
def test_one_person_never_sees_what_is_anothers(team, look):
    kept = team.save(finished(seed=1), "ann")
    team.save(finished(seed=2), "ann")
    assert not look(team, kept)


def test_one_person_never_overwrites_what_is_anothers(team):
    ann, bob = (team.save(finished(seed=1), owner) for owner in ("ann", "bob"))
    team.update(ann, "ann", stars=5, note="mine")
    for change in (
        team.delete,
        team.restore,
        team.share,
        lambda kept, owner: team.update(kept, owner, stars=1),
    ):
        with pytest.raises(LibraryError, match="belongs to somebody else"):
            change(ann, "bob")
    team.delete(bob, "bob")
    team.purge("bob")
    assert (team.get(ann.id, "ann").stars, len(team.data(ann)) > 0) == (5, True)


def test_a_database_that_is_away_is_said_without_its_password(tmp_path, monkeypatch):
    pytest.importorskip("psycopg", reason="needs psycopg: pip install '.[teams]'")
    address = "postgresql://ann:hunter22@127.0.0.1:9/none"
    monkeypatch.setenv("SDPLAY_DATABASE_URL", address)
    with pytest.raises(
        LibraryError, match="refused: connection failed.* Check SDPLAY_DATABASE_URL"
    ) as told:
        Library(tmp_path, address)
    assert "hunter22" not in str(told.value)
    assert without_secrets(f"postgresql said hunter22 to {address}") == "postgresql said ••• to •••"


@pytest.mark.parametrize("address", ["hello", "nodb://x/y", "postgresql://x:y:z:w/q", "://"])
def test_an_address_of_no_database_is_said(tmp_path, address):
    with pytest.raises(LibraryError, match="not the address of a database"):
        Library(tmp_path, address)


def test_a_store_that_is_away_is_said(tmp_path, bucket, monkeypatch):
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(
        LibraryError, match="picture store s3://.* refused: .* Check SDPLAY_STORE_URL"
    ):
        Library(tmp_path, store=bucket)


def test_a_bucket_that_does_not_exist_is_said(tmp_path, bucket):
    with pytest.raises(
        LibraryError, match="picture store s3://no-such-bucket-here/x refused: The specified bucket"
    ):
        Library(tmp_path, store="s3://no-such-bucket-here/x")


def test_an_object_removed_by_hand_is_explained(team):
    saved = team.save(finished(), "ann")
    team.files.remove("originals", saved.file)
    with pytest.raises(LibraryError, match="is missing from s3://"):
        team.data(saved)


def test_a_store_that_shows_half_files_is_written_beside_and_moved(tmp_path):
    pytest.importorskip("fsspec", reason="needs fsspec: pip install '.[teams]'")
    with closing(Library(tmp_path / "home", store=f"local://{tmp_path}/store")) as library:
        saved = library.save(finished(), "ann")
        assert library.data(saved)
        assert library.reindex().listed == 1
    assert list((tmp_path / "store").rglob("*.new")) == []


def test_a_store_of_no_known_kind_is_said(tmp_path):
    pytest.importorskip("fsspec", reason="needs fsspec: pip install '.[teams]'")
    with pytest.raises(LibraryError, match="picture store nokind://x refused"):
        Library(tmp_path, store="nokind://x")


def test_the_two_settings_open_the_teams_library(database, bucket, monkeypatch, tmp_path):
    monkeypatch.setenv("SDPLAY_DATABASE_URL", database)
    monkeypatch.setenv("SDPLAY_STORE_URL", bucket)
    with closing(Library.opened()) as library:
        library.save(finished(seed=7), "ann")
    done = subprocess.run(
        [sys.executable, "-m", "sdplay", "library", "find", "--json"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        check=True,
    )
    assert json.loads(done.stdout)[0]["settings"]["seed"] == 7
    engine = sql.create_engine(sql.make_url(database).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM pictures").scalar() == 1
    engine.dispose()
