"""Word lists, styles and brackets: what a person writes, and what is sent for it."""

import pytest

from sdplay.prompting import WordList, Written, ideas, placeholder, styles, word_lists
from sdplay.prompting.styles import Style, joined

ANIMALS = WordList("animals", ("fox", "otter", "owl", "hare", "lynx"))
ARTISTS = WordList("artists", ("Monet", "Hokusai", "Vermeer"))
LISTS = {"animals": ANIMALS, "artists": ARTISTS}


def sent(prompt, seed=7, negative="", brackets=False, lists=LISTS):
    return Written(prompt, negative).sent(seed, lists, brackets)


@pytest.fixture
def own(monkeypatch, tmp_path):
    """The owner's folder of lists."""
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path))
    (tmp_path / "words").mkdir()
    return tmp_path / "words"


def test_a_placeholder_becomes_a_word_of_its_list():
    assert sent("a __animals__ at dawn").prompt in {f"a {word} at dawn" for word in ANIMALS.words}


def test_the_same_seed_draws_the_same_words_and_others_draw_others():
    drawn = {sent("__animals__", seed).prompt for seed in range(40)}
    assert drawn == set(ANIMALS.words)
    assert sent("__animals__", 3) == sent("__animals__", 3)


def test_two_placeholders_of_a_list_draw_apart():
    pairs = {sent("__animals__ / __animals__", seed).prompt for seed in range(30)}
    assert any(one != two for one, two in (pair.split(" / ") for pair in pairs))


@pytest.mark.parametrize(("count", "between"), [(1, 0), (2, 1), (3, 2)])
def test_several_words_are_all_different_and_listed_as_a_sentence_does(count, between):
    text = sent(placeholder("artists", count)).prompt
    words = text.replace(" and ", ", ").split(", ")
    assert len(words) == len(set(words)) == count
    assert set(words) <= set(ARTISTS.words)
    assert (" and " in text) == (count > 1)
    assert text.count(",") + text.count(" and ") == between


def test_more_words_than_a_list_has_are_all_of_them():
    assert sorted(sent("__9 artists__").prompt.replace(" and ", ", ").split(", ")) == sorted(
        ARTISTS.words
    )


def test_a_drawn_word_may_hold_a_placeholder_but_not_without_end():
    lists = {**LISTS, "scenes": WordList("scenes", ("a __animals__ by __artists__",))}
    assert "__" not in sent("__scenes__", lists=lists).prompt
    circle = {"loop": WordList("loop", ("x __loop__",))}
    assert sent("__loop__", lists=circle).prompt.count("x") == 5


def test_a_list_that_is_not_there_stays_as_it_stands_and_is_told():
    written = Written("a __dragons__ and __init__")
    assert written.sent(1, LISTS, brackets=False) == written
    assert written.unknown(LISTS) == ["__dragons__", "__init__"]


@pytest.mark.parametrize(
    ("prompt", "negative", "rest", "avoided"),
    [
        ("a harbour [boats, fog]", "", "a harbour", "boats, fog"),
        ("a harbour [boats], at dawn [fog]", "blurry", "a harbour, at dawn", "blurry, boats, fog"),
        ("[text] a poster", "text", "a poster", "text"),
        ("a harbour []", "", "a harbour []", ""),
        (r"a plain \[bracket]", "", r"a plain \[bracket]", ""),
        ("nothing here", "dark", "nothing here", "dark"),
    ],
)
def test_brackets_go_to_the_negative_prompt_where_they_are_switched_on(
    prompt, negative, rest, avoided
):
    assert sent(prompt, negative=negative, brackets=True) == Written(rest, avoided)
    assert sent(prompt, negative=negative) == Written(prompt, negative)


def test_a_text_without_lists_or_brackets_is_sent_as_it_is():
    text = "a  fox ,, with (odd:1.2)  spaces "
    assert sent(text, negative=" x ", brackets=True) == Written(text, " x ")


def test_our_lists_are_there_and_every_idea_can_be_drawn():
    lists = word_lists()
    assert {"animals", "places", "times", "artists", "ideas"} <= set(lists)
    assert all(Written(text).unknown(lists) == [] for text in lists["ideas"].words)
    drawn = ideas(lists, 12)
    assert len(drawn) == 12
    assert not any("__" in text for text in drawn)


def test_no_list_says_a_word_twice():
    assert [
        name for name, entry in word_lists().items() if len(set(entry.words)) < len(entry.words)
    ] == []


def test_a_file_in_the_owners_folder_is_a_list(own):
    (own / "Dragons.txt").write_text("# mine\nwyvern\n\n  drake  # small\n", "utf-8")
    entry = word_lists()["dragons"]
    assert (entry.words, entry.is_own) == (("wyvern", "drake"), True)


def test_the_owners_list_takes_the_place_of_ours(own):
    (own / "animals.txt").write_text("dodo\n", "utf-8")
    assert word_lists()["animals"].words == ("dodo",)


def test_files_that_are_no_lists_are_passed_over(own):
    (own / "huge.txt").write_bytes(b"word\n" * 300_000)
    (own / "empty.txt").write_text("# nothing\n")
    (own / "folder.txt").mkdir()
    (own / "odd.txt").write_bytes(b"caf\xe9\nfine\n")
    assert {"huge", "empty", "folder"} & set(word_lists()) == set()
    assert "fine" in word_lists()["odd"].words


def test_a_style_is_laid_around_the_prompt_and_avoids_its_own():
    style = Style("Ink", "ink drawing of {prompt}, bold", "colour, text")
    assert style.around("a fox ") == "ink drawing of a fox, bold"
    assert style.avoiding("Text") == "Text, colour, text"
    assert Style("Soft", "soft light").around("a fox") == "a fox, soft light"


def test_a1111s_styles_file_is_read_as_it_is(own):
    (own / "styles.csv").write_text(
        'name,prompt,negative_prompt\nNeon,"neon {prompt}, night",day\nNone,,\n', "utf-8-sig"
    )
    assert styles()["Neon"] == Style("Neon", "neon {prompt}, night", "day")
    assert "None" not in styles()
    assert len(styles()) > 8


def test_parts_of_a_prompt_are_joined_without_saying_one_twice():
    assert joined("dark,", "", "Dark", "text") == "dark, text"
