"""Settings to kept picture."""

import pytest

from sdplay.library import Kept, Library
from sdplay.params import Params
from sdplay.studio import make
from tests.making import Painter


@pytest.fixture
def library(tmp_path):
    opened = Library(tmp_path)
    yield opened
    opened.close()


def test_a_picture_is_made_and_kept(library):
    *progress, kept = make(Params(steps=3, width=64, height=64), Painter(), library, "ann")
    assert [event.step for event in progress] == [1, 2, 3]
    assert library.get(kept.id, "ann").id == kept.id


def test_the_same_settings_are_not_made_twice(library):
    painter, params = Painter(), Params(steps=2, width=64, height=64)
    first, second = (list(make(params, painter, library))[-1] for _ in range(2))
    assert len(painter.made) == 1
    assert isinstance(second, Kept)
    assert second.id == first.id


def test_stopping_closes_the_backend(library):
    painter = Painter()
    run = make(Params(steps=9, width=64, height=64), painter, library)
    next(run)
    run.close()
    assert painter.stopped == 1
    assert library.recent() == []
