"""Files that the page offers: a click finds them, whoever's run ends meanwhile."""

import pytest
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from sdplay.ui import offered
from sdplay.ui.offered import OfferedFiles
from tests.serving import forked
from tests.visiting import Visitor


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    process, url = forked(tmp_path_factory.mktemp("home"))
    yield url
    process.terminate()
    process.wait()


@pytest.fixture
def store():
    return OfferedFiles(MemoryMediaFileStorage("/media"))


def button(store, data, place="1"):
    return store.add_deferred(lambda: data, "text/csv", place, "table.csv")


def ended(store, runs=3):
    """Runs of others that end."""
    for _ in range(runs):
        store.remove_orphaned_files()


def is_there(store, url):
    return store.read_file(url.removeprefix("/media/")) is not None


def test_a_file_is_there_when_others_runs_end_before_the_browser_asks_for_it(page):
    with Visitor(page, "view=Library") as visitor, Visitor(page) as other:
        address = visitor.made(visitor.downloads["carry_csv"])
        for _ in range(3):
            other.run()
        status, table = visitor.fetch(address)
    assert (status, table[:5]) == (200, b"file,")


def test_a_button_of_the_page_before_it_was_drawn_anew_still_has_its_file(page):
    with Visitor(page, "view=Library") as visitor, Visitor(page) as other:
        download = visitor.downloads["carry_csv"]
        visitor.run()
        other.run()
        assert visitor.fetch(visitor.made(download))[1][:5] == b"file,"


def test_what_no_page_shows_is_let_go_after_its_time(store, monkeypatch):
    download = button(store, b"a,b")
    url = store.execute_deferred(download)
    store.clear_session_refs()
    ended(store)
    assert is_there(store, url)
    monkeypatch.setattr(offered, "SECONDS", 0.0)
    ended(store)
    assert not is_there(store, url)
    with pytest.raises(MediaFileStorageError):
        store.execute_deferred(download)


def test_of_too_much_the_oldest_goes_sooner(store, monkeypatch):
    monkeypatch.setattr(offered, "OF_ALL", 10)
    older = store.execute_deferred(button(store, b"8 letters", "1"))
    ended(store)
    newer = store.execute_deferred(button(store, b"8 others.", "2"))
    monkeypatch.setattr(offered, "SECONDS_IN_A_CROWD", 0.0)
    ended(store)
    assert (is_there(store, older), is_there(store, newer)) == (False, True)


def test_a_file_that_is_asked_for_again_has_its_time_again(store, monkeypatch):
    download = button(store, b"a,b")
    store.execute_deferred(download)
    ended(store)
    monkeypatch.setattr(offered, "SECONDS", 1e-9)
    url = store.execute_deferred(download)
    ended(store, 1)
    assert is_there(store, url)


def test_what_a_page_shows_stays(store, monkeypatch):
    monkeypatch.setattr(offered, "SECONDS", 0.0)
    url, download = store.add(b"film", "video/mp4", "1"), button(store, b"a,b", "2")
    ended(store)
    assert is_there(store, url)
    assert store.execute_deferred(download)
