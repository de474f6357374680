"""What was read last is held up to so many bytes."""

from sdplay.files.recent import Recent


def reading(most_bytes):
    read = []

    def file(name):
        read.append(name)
        return name.encode() * 10

    return Recent(file, most_bytes), read


def test_what_is_held_is_read_once():
    recent, read = reading(100)
    assert recent("a") is recent("a")
    assert read == ["a"]


def test_what_was_asked_for_longest_ago_goes_first():
    recent, read = reading(20)
    for name in "abacab":
        recent(name)
    assert read == ["a", "b", "c", "b"]


def test_what_is_larger_than_all_room_is_not_held():
    recent, read = reading(15)
    for name in ("a", "long", "long", "a"):
        recent(name)
    assert read == ["a", "long", "long"]


def test_what_is_held_is_said_without_reading():
    recent, read = reading(100)
    recent("a")
    assert recent.held("ab") == {"a": b"a" * 10}
    assert read == ["a"]
