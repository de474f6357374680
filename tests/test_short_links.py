"""Short links have a bounded room: of a browser's and of all, the oldest unopened go first."""

import os
from contextlib import closing

import pytest

from sdplay.errors import BadParams
from sdplay.library import Library
from sdplay.library.short_links import MAX_LINK, ShortLinks
from sdplay.library.sql.links import LEAST, LinkRoom
from tests.libraries import KINDS, library_on


@pytest.fixture(params=KINDS)
def library(request, tmp_path):
    with library_on(request.param, tmp_path) as opened:
        yield opened


def bounded(library, browser, server=1000):
    """The library's links, with room for so many short ones."""
    room = LinkRoom(browser * (LEAST + 100), server * (LEAST + 100))
    return ShortLinks(library.index.links, library.files, room)


def still_there(library, texts):
    """Which of these texts are known: looked up without opening them."""
    known = {text for _, text in library.index.links.all()}
    files = {library.files.read("links", id).decode() for id in library.files.names("links")}
    assert files == known
    return [text for text in texts if text in known]


def test_a_browsers_oldest_unopened_link_makes_room(library):
    links = bounded(library, browser=3)
    first, second, third = (links.shorten(text, "ann") for text in "abc")
    assert links.expanded(first) == "a"
    links.shorten("d", "ann")
    assert still_there(library, "abcd") == ["a", "c", "d"]
    assert links.expanded(second) is None
    assert links.expanded(third) == "c"


def test_anothers_links_stay_while_there_is_room_for_all(library):
    links = bounded(library, browser=2)
    links.shorten("bob's", "bob")
    for number in range(5):
        links.shorten(str(number), "ann")
    assert still_there(library, ["bob's", *"01234"]) == ["bob's", "3", "4"]


def test_of_all_links_the_oldest_unopened_one_makes_room(library):
    links = bounded(library, browser=2, server=3)
    opened = links.shorten("opened", "bob")
    links.expanded(opened)
    for owner in ("cid", "dan", "eve"):
        links.shorten(owner, owner)
    assert still_there(library, ["opened", "cid", "dan", "eve"]) == ["opened", "dan", "eve"]


@pytest.mark.parametrize(
    ("owner", "sentence"),
    [("ann", "The short links of this browser take"), ("cid", "All short links together take")],
)
def test_where_all_were_opened_a_new_one_is_refused(library, owner, sentence):
    links = bounded(library, browser=2, server=3)
    for text, maker in (("a", "ann"), ("b", "ann"), ("c", "bob")):
        assert links.expanded(links.shorten(text, maker)) == text
    with pytest.raises(BadParams, match=sentence):
        links.shorten("d", owner)
    assert still_there(library, "abcd") == ["a", "b", "c"]


def test_the_same_text_again_takes_no_more_room_and_counts_as_new(library):
    links = bounded(library, browser=2)
    for text in "abaac":
        links.shorten(text, "ann")
    assert still_there(library, "abc") == ["a", "c"]


def test_what_the_administrator_brings_takes_nobodys_room(library):
    links = bounded(library, browser=1, server=1)
    for text in "abc":
        links.shorten(text, None)
    for text in "de":
        links.shorten(text, "ann")
    assert still_there(library, "abcde") == ["a", "b", "c", "e"]


def test_one_browser_cannot_fill_the_disk(tmp_path):
    with closing(Library(tmp_path)) as library:
        newest = [library.shorten(os.urandom(MAX_LINK // 2).hex(), "ann") for _ in range(60)][-1]
        names = [*library.files.names("links")]
        size = sum(len(library.files.read("links", name)) for name in names)
    assert newest in names
    assert size <= LinkRoom().browser
