"""Ideas for a prompt on the page: what a click writes, what is sent, and what the receipt says."""

import pytest

from sdplay import settings
from sdplay.backends import connect
from sdplay.prompting import NEGATIVES, word_lists
from sdplay.ui import session
from tests.fakes import a1111
from tests.paging import sentences, settled
from tests.test_page_compare import finished


@pytest.fixture
def server(monkeypatch):
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        yield fake


def opened(page, **says):
    page.query_params.update({"steps": "2", "seed": "7", **says})
    return page.run()


def made(page):
    return session.jobs().library.recent(page.session_state["owner"], 50)


def clicked(page):
    return settled(page.button(key="go").click().run())


def test_a_word_list_writes_a_placeholder_that_each_seed_fills_with_its_own_word(page):
    page = opened(page, prompt="a", count="3")
    page.pills(key="idea_list").set_value("things").run()
    assert page.text_area(key="prompt").value == "a, __things__"
    clicked(page)
    prompts = {kept.params.seed: kept.params.prompt for kept in made(page)}
    assert len(set(prompts.values())) > 1
    words = connect("builtin").probe().chips["Things"]
    assert set(prompts.values()) <= {f"a, {word}" for word in words}
    assert page.text_area(key="prompt").value == "a, __things__"


def test_what_is_sent_stands_under_the_prompt_before_the_click_and_in_the_receipt_after(page):
    page = opened(page, prompt="a __colours__ apple")
    clicked(page)
    (picture,) = made(page)
    assert picture.params.prompt != "a __colours__ apple"
    assert f"Sent: {picture.params.prompt}." in sentences(page)
    assert picture.receipt.asked["written_prompt"] == "a __colours__ apple"
    assert picture.receipt.asked["prompt"] == picture.params.prompt
    assert any("As you wrote it" in str(table.value) for table in page.table)


def test_a_prompt_that_is_sent_as_it_stands_is_not_said_again(page):
    page = clicked(opened(page, prompt="an apple [sky]"))
    assert "Sent:" not in sentences(page)
    assert "written_prompt" not in made(page)[0].receipt.asked


def test_words_may_be_drawn_at_once(page):
    page = opened(page, prompt="")
    page.toggle(key="idea_lasting").set_value(False)
    page.pills(key="idea_list").set_value("styles").run()
    assert page.text_area(key="prompt").value in connect("builtin").probe().chips["Styles"]


def test_a_model_that_knows_few_words_offers_those_and_the_owners_lists(page, server, monkeypatch):
    words = settings.home() / "words"
    words.mkdir()
    (words / "mine.txt").write_text("crown\n")
    offered = opened(page).pills(key="idea_list").options
    assert set(offered) == {"mine ★", "things", "styles", "colours"}
    page.selectbox(key="backend").set_value("a1111").run()
    assert {"animals", "artists", "mine ★"} < set(page.pills(key="idea_list").options)


def test_brackets_are_negative_only_where_that_is_switched_on(page, server):
    page = opened(page, backend="a1111", prompt="a harbour [fog]", negative="dark")
    page.toggle(key="brackets").set_value(True).run()
    assert "Sent: a harbour; to avoid: dark, fog." in sentences(page)
    clicked(page)
    page.toggle(key="brackets").set_value(False).run()
    clicked(page)
    sent = [(body["prompt"], body["negative_prompt"]) for body in server.requests()]
    assert sent == [("a harbour", "dark, fog"), ("a harbour [fog]", "dark")]
    first = min(made(page), key=lambda kept: kept.at).receipt
    assert first.asked["written_prompt"] == "a harbour [fog]"
    assert first.asked["written_negative"] == "dark"


def test_a_link_brings_the_switch_to_compare_as_well(page, server):
    page = opened(page, backend="a1111", brackets="true", prompt="a hill [fog]", view="Compare")
    assert not page.exception
    assert "Sent: a hill; to avoid:" in sentences(page)


def test_artists_are_combined_with_any_backend(page, server):
    page = opened(page, backend="a1111", prompt="a bridge")
    page.number_input(key="idea_count").set_value(2)
    page.pills(key="idea_list").set_value("artists").run()
    clicked(page)
    prompt = server.requests()[0]["prompt"]
    names = prompt.removeprefix("a bridge, in the manner of ").split(" and ")
    assert len(names) == 2
    assert set(names) <= set(word_lists()["artists"].words)


def test_a_style_is_written_into_both_prompts(page, server):
    page = opened(page, backend="a1111", prompt="a bridge", negative="dark")
    page.pills(key="idea_style").set_value("Woodcut").run()
    assert page.text_area(key="prompt").value.startswith("woodcut of a bridge, ")
    assert page.text_area(key="negative").value == "dark, photograph, gradients"


def test_each_backend_begins_with_its_own_negative_prompt(page, server):
    assert opened(page).text_area(key="negative").value == ""
    page.selectbox(key="backend").set_value("a1111").run()
    assert page.text_area(key="negative").value == NEGATIVES[0]
    page.selectbox(key="backend").set_value("builtin").run()
    assert page.text_area(key="negative").value == ""


def test_a_negative_prompt_of_ones_own_stays_with_the_next_backend(page, server):
    opened(page).text_area(key="negative").set_value("fog").run()
    page.selectbox(key="backend").set_value("a1111").run()
    assert page.text_area(key="negative").value == "fog"


def test_an_emptied_negative_prompt_stays_empty_in_a_link(page, server):
    page = clicked(opened(page, backend="a1111", negative=""))
    assert page.text_area(key="negative").value == ""
    assert server.requests()[0]["negative_prompt"] == ""


def test_examples_of_what_to_avoid_are_added_at_a_click(page, server):
    page = opened(page, backend="a1111")
    page.pills(key="idea_negative").set_value(NEGATIVES[1]).run()
    assert page.text_area(key="negative").value == f"{NEGATIVES[0]}, {NEGATIVES[1]}"


def test_surprise_me_writes_a_whole_prompt_with_any_backend(page, server):
    page = opened(page, backend="a1111", prompt="old")
    page.button(key="surprise").click().run()
    assert page.text_area(key="prompt").value != "old"
    assert "__" not in page.text_area(key="prompt").value


def test_an_empty_prompt_is_answered_before_the_click(page):
    assert "The prompt is empty" in sentences(opened(page, prompt=""))
    page.text_area(key="prompt").set_value("a fox").run()
    assert "The prompt is empty" not in sentences(page)


def test_a_list_that_is_not_there_is_told(page):
    page = opened(page, prompt="a __dragons__")
    assert "__dragons__: there is no such word list, so it is sent as it stands." in sentences(page)


def test_a_comparison_keeps_what_was_written_where_no_axis_changed_it(page):
    opened(page, view="Compare", prompt="a __colours__ apple", x_axis="prompt_replace")
    page.text_input(key="x_values").set_value("apple, apple, pear").run()
    page = finished(page.button(key="run").click().run())
    kept = {picture.params.prompt: picture.receipt.asked for picture in made(page)}
    written = [asked.get("written_prompt") for text, asked in kept.items() if "apple" in text]
    assert set(written) == {"a __colours__ apple"}
    assert [a for text, a in kept.items() if "pear" in text and "written_prompt" in a] == []
