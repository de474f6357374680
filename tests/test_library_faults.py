"""A team's library whose PostgreSQL restarts or cuts connections, and whose bucket is busy or slow:
nothing announced is lost, a sentence says what to do, and all goes on by itself."""

import signal
import threading
import time
import uuid
from contextlib import closing

import pytest
import sqlalchemy as sql

from sdplay.compare.axes import Setup
from sdplay.compare.plan import plan
from sdplay.errors import LibraryAway
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.sweeps import Bench, Speeds, Sweep
from tests.local_process import until
from tests.making import Held, finished
from tests.postgres import cluster
from tests.relaying import relay

BASE = Params("a fox", width=64, height=64, steps=2, scheduler="euler")


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="needs psycopg: pip install '.[teams]'")
    with cluster() as running:
        if running is None:
            pytest.skip("needs PostgreSQL: apt-get install postgresql")
        yield running


def administrator(server):
    url = sql.make_url(server.address).set(drivername="postgresql+psycopg")
    return sql.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sql.NullPool)


@pytest.fixture
def database(server):
    """The address of an empty database on a server that a test may stop."""
    name = f"t{uuid.uuid4().hex}"
    with administrator(server).connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return server.address.replace("/postgres?", f"/{name}?")


@pytest.fixture
def library(tmp_path, database):
    with closing(Library(tmp_path, database)) as opened:
        yield opened


def cut(server):
    """Every connection but this one, in the middle of whatever it does."""
    with administrator(server).connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND usename = 'sdplay'"
        )


def sweep(library, seeds, tmp_path, painter):
    jobs = Jobs(library)
    bench = Bench({painter.name: painter})
    speeds = Speeds(tmp_path / "speeds.json", jobs.estimates)
    facts = bench.facts(painter.name, library, speeds)
    return Sweep(plan(Setup(painter.name, BASE), [("seed", seeds)], facts), bench, jobs)


def made(run):
    return run.counts().get("made", 0)


def kept(library, run):
    """The seeds of the sweep's pictures, each whole."""
    pictures = [library.get(result.picture) for result in run.results().values()]
    assert all(library.data(picture) for picture in pictures)
    return sorted(picture.params.seed for picture in pictures)


def test_connections_that_are_cut_again_and_again_lose_no_picture(server, library):
    saved, over = [], threading.Event()

    def save():
        for seed in range(30):
            saved.append(library.save(finished(seed=seed), "ann").id)
        over.set()

    saving = threading.Thread(target=save)
    saving.start()
    while not over.wait(0.05) and saving.is_alive():
        cut(server)
    saving.join()
    assert len(saved) == 30
    listed = {picture.id for picture in library.page("", "ann", None, 100).pictures}
    assert listed == set(saved)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["orderly", "crashed"])
def test_a_restart_in_the_middle_of_a_sweep_costs_no_cell(server, library, tmp_path, how):
    painter = Held(3)
    run = sweep(library, "1-12", tmp_path, painter).start()
    until(lambda: made(run) == 3)
    server.stop(how)
    painter.most = 12
    server.start()
    assert run.wait(240)
    assert set(run.counts()) <= {"made", "reused"}
    assert kept(library, run) == list(range(1, 13))


def test_a_sweep_waits_for_a_database_that_is_long_away(server, database, tmp_path):
    with closing(Library(tmp_path, database, patience=0.2)) as library:
        painter = Held(2)
        run = sweep(library, "1-8", tmp_path, painter).start()
        until(lambda: made(run) == 2)
        server.stop()
        painter.most = 99
        try:
            until(lambda: run.waits)
            assert run.trouble.startswith(
                "Paused: The library's database or picture store does not answer"
            )
            with pytest.raises(
                LibraryAway, match="try again in a moment. Check SDPLAY_DATABASE_URL"
            ):
                library.recent()
        finally:
            server.start()
        assert run.wait(240)
        assert (run.trouble, set(run.counts()) <= {"made", "reused"}) == ("", True)
        assert kept(library, run) == list(range(1, 9))


def cut_off_reading(server, library):
    with library.index._database.reading() as connection:
        cut(server)
        connection.exec_driver_sql("SELECT 1")


def test_a_cut_connection_tells_a_reader_to_try_again(server, library):
    kept = library.save(finished(), "ann")
    with pytest.raises(LibraryAway, match="It may be restarting: try again in a moment"):
        cut_off_reading(server, library)
    assert library.get(kept.id, "ann") == kept


@pytest.fixture
def store(moto, monkeypatch):
    """An empty bucket behind a relay."""
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs: pip install '.[teams]'")
    with relay(moto) as relaying:
        variables = {"AWS_ENDPOINT_URL": relaying.url, "AWS_ACCESS_KEY_ID": "key"}
        variables |= {"AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
        variables |= {"AWS_MAX_ATTEMPTS": "1"}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        relaying.bucket = f"b{uuid.uuid4().hex[:12]}"
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem(use_listings_cache=False).mkdir(relaying.bucket)
        yield relaying
        s3fs.S3FileSystem.clear_instance_cache()


def test_a_busy_bucket_costs_no_picture_and_says_what_to_do(store, tmp_path):
    with closing(Library(tmp_path, store=f"s3://{store.bucket}/pictures")) as library:
        before = library.save(finished(seed=1), "ann")
        store.busy = True
        with pytest.raises(LibraryAway, match="does not answer: .* It may be busy or restarting"):
            library.data(before)
        saving = threading.Thread(target=library.save, args=(finished(seed=2), "ann"))
        saving.start()
        until(lambda: store.refused > 2)
        store.busy = False
        saving.join()
        pictures = library.recent("ann")
        assert [picture.params.seed for picture in pictures] == [2, 1]
        assert all(library.data(picture) for picture in pictures)


def test_a_sweep_goes_on_when_its_bucket_is_no_longer_busy(store, tmp_path):
    with closing(Library(tmp_path, store=f"s3://{store.bucket}/pictures")) as library:
        store.seconds = 0.01
        painter = Held(2)
        run = sweep(library, "1-6", tmp_path, painter).start()
        until(lambda: made(run) == 2)
        store.busy = True
        painter.most = 99
        until(lambda: store.refused > 3)
        time.sleep(1)
        store.busy = False
        assert run.wait(240)
        assert set(run.counts()) <= {"made", "reused"}
        assert kept(library, run) == list(range(1, 7))
