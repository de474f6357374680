"""Values as people type them: both grammars, exact at both ends, and a sentence when unreadable."""

import tracemalloc

import pytest

from sdplay.compare.grammar import EXAMPLES, MOST, Value, expand
from sdplay.errors import BadParams


def values(text, kind):
    return [each.value for each in expand(text, kind)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-5(+2)", [1, 3, 5]),
        ("1-5 (2)", [1, 3, 5]),
        ("1-10 [5]", [1, 3, 5, 7, 10]),
        ("10-5 (-1)", [10, 9, 8, 7, 6, 5]),
        ("10-5", [10, 9, 8, 7, 6, 5]),
        ("-3--1", [-3, -2, -1]),
        ("3–5", [3, 4, 5]),
        ("1, 2, .., 10", list(range(1, 11))),
        ("1, 3, 5, 6, .., 9, 11, …, 15", [1, 3, 5, 6, 7, 8, 9, 11, 13, 15]),
        ("10, 8, .., 1", [10, 8, 6, 4, 2, 1]),
        ("5, 5, 10", [5, 10]),
        ("5\n10\n20", [5, 10, 20]),
        ("-1, 7", [-1, 7]),
    ],
)
def test_whole_numbers(text, expected):
    assert values(text, int) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-2 (+0.3)", [1, 1.3, 1.6, 1.9]),
        (".5-1 (+.1)", [0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        ("0-1 [6]", [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ("1, 3, 5, 6, 6.5, .., 9, 11, 13", [1, 3, 5, 6, 6.5, 7, 7.5, 8, 8.5, 9, 11, 13]),
        ("1-0(+0.25)", [1, 0.75, 0.5, 0.25, 0]),
    ],
)
def test_numbers_never_run_past_the_end(text, expected):
    assert values(text, float) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('fox, "cat, black", owl', ["fox", "cat, black", "owl"]),
        ("red fox || cat, black", ["red fox", "cat, black"]),
        ("a red fox, sunny\na cat", ["a red fox, sunny", "a cat"]),
        ("blue-green, 1-5", ["blue-green", "1-5"]),
        ("fox=wolf, fox=bear", ["fox=wolf", "fox=bear"]),
    ],
)
def test_words_stay_as_they_are(text, expected):
    assert values(text, str) == expected


def test_a_skipped_value_keeps_its_place():
    assert expand("1, SKIP: 2, skip:3, 4", int) == (
        Value(1),
        Value(2, True),
        Value(3, True),
        Value(4),
    )


@pytest.mark.parametrize(
    ("text", "kind", "item"),
    [
        ("3, lots", float, "'lots'"),
        ("1.5", int, "'1.5'"),
        ("1-5(0)", int, "'1-5(0)'"),
        ("1-5(", int, "'1-5('"),
        ("1, .., 5", int, "'..'"),
        ("1, 2, ..", int, "'..'"),
        ("1, 2, .., 0", int, "'.., 0'"),
        ("1-2-3", int, "'1-2-3'"),
        ("nan", float, "'nan'"),
        ("0-1[0]", float, "'[0]'"),
    ],
)
def test_bad_text_gets_one_sentence_with_an_example(text, kind, item):
    with pytest.raises(BadParams) as told:
        expand(text, kind, "Steps")
    assert str(told.value) == f"Steps: could not read {item}. Write it like this: {EXAMPLES[kind]}"


@pytest.mark.parametrize("text", ["", " , ,", "\n", "||"])
def test_no_value_at_all_is_told(text):
    with pytest.raises(BadParams, match="there is no value"):
        expand(text, int)


def test_a_runaway_range_is_refused_at_once():
    with pytest.raises(BadParams, match=f"more than {MOST} values"):
        expand("1-99999999999999999999", int)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_examples_in_the_sentences_can_be_read(kind):
    assert all(expand(example, kind) for example in EXAMPLES[kind].split("  or  "))


@pytest.mark.parametrize(
    "text",
    [
        "1, 2, .., 1000000000",
        "1-1000000000",
        "0.001, 0.002, .., 99999999",
        "1-2[1000000000]",
        f"1-{'9' * 30}",
    ],
)
def test_endless_lists_are_refused_before_they_are_built(text: str) -> None:
    tracemalloc.start()
    with pytest.raises(BadParams):
        expand(text, float)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert held < 5_000_000


@pytest.mark.parametrize(
    "text", ["9" * 5000, f"1-{'9' * 5000}", f"1, 2, .., {'9' * 5000}", "x" * 200_000]
)
def test_overlong_values_end_in_a_sentence(text: str) -> None:
    with pytest.raises(BadParams, match=r"^Seed: "):
        expand(text, int, "Seed")
