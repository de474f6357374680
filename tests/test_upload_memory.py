"""What browsers gave is found again by them alone, and never takes more room than it may."""

import os

from sdplay.ui.upload_memory import UploadMemory

KB = 1024


def test_what_was_given_is_found_under_its_id():
    memory = UploadMemory()
    id = memory.keep("ann", b"picture", "half")
    assert (memory.find("ann", id).data, memory.find("ann", id).use) == (b"picture", "half")
    assert memory.keep("ann", b"picture", "half") == id != memory.keep("ann", b"picture", "whole")


def test_anothers_id_opens_nothing():
    memory = UploadMemory()
    assert memory.find("eve", memory.keep("ann", b"picture")) is None
    assert memory.find("", memory.keep("ann", b"picture")) is None


def test_nobody_in_particular_is_remembered_for_nothing():
    memory = UploadMemory()
    assert memory.keep("", b"picture") == memory.keep("ann", b"") == ""
    assert memory.size() == 0


def test_the_oldest_of_a_browser_go_and_the_newest_stays():
    memory = UploadMemory(browser_bytes=3 * KB)
    ids = [memory.keep("ann", os.urandom(KB)) for _ in range(3)]
    memory.find("ann", ids[0])
    newest = memory.keep("ann", os.urandom(2 * KB))
    assert [memory.find("ann", id) is not None for id in (*ids, newest)] == [
        True,
        False,
        False,
        True,
    ]
    assert memory.find("ann", memory.keep("ann", os.urandom(9 * KB)))


def test_a_crowd_never_takes_more_than_the_server_gives():
    memory = UploadMemory(browser_bytes=4 * KB, server_bytes=10 * KB)
    for browser in range(50):
        memory.keep(f"browser {browser}", os.urandom(3 * KB))
        assert memory.size() <= 10 * KB
    assert memory.size("browser 49") == 3 * KB


def test_the_same_picture_in_many_uses_takes_its_room_once():
    memory, data = UploadMemory(), os.urandom(KB)
    for weight in range(20):
        memory.keep("ann", data, str(weight))
    assert memory.size("ann") == KB


def test_what_nobody_used_for_half_a_day_is_forgotten(monkeypatch):
    memory = UploadMemory()
    id = memory.keep("ann", b"picture")
    monkeypatch.setattr("sdplay.ui.upload_memory.FORGOTTEN_AFTER", -1.0)
    memory.keep("bob", b"another")
    assert memory.find("ann", id) is None
