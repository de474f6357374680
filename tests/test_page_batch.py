"""Several pictures at one click: priced before, each on its own, stopped together."""

import re

import pytest

from sdplay.ui import session
from tests.fakes import a1111
from tests.fakes_predict import address, hosted
from tests.local_process import until
from tests.paging import sentences, settled


@pytest.fixture
def slow(monkeypatch):
    """A server that works at its first picture until it may make more."""
    with a1111(most=0) as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        yield fake
        fake.most = 99


@pytest.fixture
def paid(monkeypatch):
    """An endpoint that takes money."""
    with hosted("cog") as endpoint:
        monkeypatch.setenv("SDPLAY_PREDICT_URL", address("cog", endpoint))
        monkeypatch.setenv("SDPLAY_PREDICT_PRICE", "0.0023")
        yield endpoint


def opened(page, **says):
    page.query_params.update({"steps": "2", "seed": "7", **says})
    return page.run()


def clicked(page):
    return page.button(key="go").click().run()


def made(page):
    return session.jobs().library.recent(page.session_state["owner"], 50)


def jobs_of(page):
    return session.jobs().of(page.session_state["owner"])


def standing(page):
    """What the bar says."""
    return page.get("progress")[0].proto.text


def test_one_click_makes_the_next_seeds_each_with_its_own_receipt(page):
    page = settled(clicked(opened(page, count="3")))
    pictures = sorted(made(page), key=lambda kept: kept.params.seed)
    assert [kept.params.seed for kept in pictures] == [7, 8, 9]
    assert [kept.receipt.applied["seed"] for kept in pictures] == [7, 8, 9]
    assert page.number_input(key="seed").value == 7


def test_the_price_stands_there_before_the_click(page):
    assert "1 picture, 4 model evaluations." in sentences(opened(page))
    page.slider(key="steps").set_value(3).run()
    assert "1 picture, 6 model evaluations." in sentences(page)
    page.slider(key="steps").set_value(2).run()
    page.number_input(key="count").set_value(3).run()
    assert "3 pictures, 12 model evaluations" in sentences(page)
    assert "Seeds 7 to 9, each a request of its own" in sentences(page)
    page.slider(key="steps").set_value(4).run()
    assert "3 pictures, 24 model evaluations" in sentences(page)


def test_seconds_stand_there_once_a_picture_was_made(page):
    assert "Seconds are known after the first" in sentences(opened(page))
    settled(clicked(page))
    assert "You made this one before" in sentences(page.run())
    page.slider(key="steps").set_value(3).run()
    assert re.search(r"1 picture, 6 model evaluations; (less than|about|\d)", sentences(page))


def test_what_was_made_before_costs_nothing(page):
    page = settled(clicked(opened(page)))
    page.number_input(key="count").set_value(3).run()
    assert "2 pictures, 8 model evaluations; 1 already made" in sentences(page)
    settled(clicked(page))
    assert len(made(page)) == 3


def test_the_price_knows_the_words_that_each_seed_draws(page):
    page = settled(clicked(opened(page, prompt="a __things__", count="3")))
    page.number_input(key="count").set_value(4).run()
    assert "1 picture, 4 model evaluations; 3 already made" in sentences(page)


def test_cancel_stops_the_rest_and_what_was_made_stays(page, slow):
    slow.most = 1
    page = clicked(opened(page, backend="a1111", count="4"))
    until(lambda: len(made(page)) == 1)
    page.run()
    assert "of 4 pictures" in standing(page)
    page.button(key="cancel").click().run()
    page = settled(page)
    assert not any(job.active for job in jobs_of(page))
    assert len(made(page)) == 1
    assert "Cancelled. 1 of 4 pictures is made; what was made stays." in sentences(page)


def test_each_picture_is_one_request_with_its_seed(page, slow):
    slow.most = 99
    settled(clicked(opened(page, backend="a1111", count="3")))
    assert [(body["seed"], body.get("batch_size", 1)) for body in slow.requests()] == [
        (7, 1),
        (8, 1),
        (9, 1),
    ]


def test_pictures_that_find_no_place_in_the_queue_are_told(page, monkeypatch, slow):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED", "2")
    page = clicked(opened(page, backend="a1111", count="9"))
    assert "of 9 pictures are queued" in sentences(page)
    assert len(jobs_of(page)) < 9


def test_seeds_beyond_the_last_are_refused_with_the_largest_that_fits(page):
    page = clicked(opened(page, count="3", seed=str(2**53 - 2)))
    assert "Choose a seed of at most 9007199254740989." in sentences(page)
    assert jobs_of(page) == []


@pytest.mark.parametrize("count", ["1", "3"])
def test_a_second_click_asks_for_nothing_while_the_first_is_at_work(page, slow, count):
    page = clicked(opened(page, backend="a1111", count=count))
    page = clicked(page)
    assert len(jobs_of(page)) == int(count)
    assert [toast.value for toast in page.toast] == [
        "It is being made already: one click is enough."
    ]
    page.button(key="cancel").click().run()


def test_more_pictures_at_the_second_click_are_made_though_the_first_is_at_work(page, slow):
    page = clicked(opened(page, backend="a1111"))
    page.number_input(key="count").set_value(3).run()
    page = clicked(page)
    assert sorted(job.params.seed for job in jobs_of(page)) == [7, 7, 8, 9]
    page.button(key="cancel").click().run()


def test_vary_makes_one_picture_whatever_the_number_says(page):
    page = settled(clicked(opened(page, count="2")))
    settled(page.button(key="vary").click().run())
    assert len(made(page)) == 3


def test_a_reload_finds_the_pictures_that_are_still_at_work(page, slow):
    page = clicked(opened(page, backend="a1111", count="4"))
    del page.session_state["job"]
    assert "0 of 4 pictures are made" in standing(page.run())
    page.button(key="cancel").click().run()


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize(("count", "money"), [("1", "$0.0023"), ("4", "$0.0092")])
def test_money_stands_before_the_click(page, count, money):
    opened(page, backend="predict", count=count)
    assert money in sentences(page)
    assert jobs_of(page) == []


@pytest.mark.usefixtures("paid")
def test_money_of_another_backend_stands_before_the_comparison_too(page):
    opened(page, view="Compare", lab="Two backends", other_backend="predict", scheduler="ddim")
    assert "2 pictures" in sentences(page)
    assert "$0.0023" in sentences(page)
