"""Emphasis in prompts: what A1111's marks mean, for any prompt."""

import re

import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis: pip install '.[dev]'")
from hypothesis import given
from hypothesis import strategies as st

from sdplay.engine.emphasis import MORE, edited, too_strong, weighed

PAIRS = [("(", ")", MORE), ("[", "]", 1 / MORE), ("(", ":0.5)", 0.5), ("(", ": 1.3 )", 1.3)]
WORDS = st.text(st.characters(exclude_characters=r"\()[]:"), max_size=8).map(
    lambda text: (text, [1.0] * len(text))
)


def side_by_side(parts):
    return "".join(text for text, _ in parts), [
        weight for _, weights in parts for weight in weights
    ]


def in_brackets(pair, inside):
    (first, last, factor), (text, weights) = pair, inside
    return f"{first}{text}{last}", [weight * factor for weight in weights]


PROMPTS = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, max_size=3).map(side_by_side)
        | st.builds(in_brackets, st.sampled_from(PAIRS), inner)
    ),
    max_leaves=12,
)


@given(PROMPTS)
def test_every_letter_weighs_what_the_brackets_around_it_multiply_to(prompt):
    text, weights = prompt
    assert [weight for piece, weight in weighed(text) for _ in piece] == pytest.approx(weights)


@given(st.text())
def test_escaped_brackets_are_plain_characters(text):
    escaped = re.sub(r"([\\()\[\]])", r"\\\1", text)
    assert weighed(escaped) == [(text, 1.0)] * bool(text)


@given(st.text(st.characters(exclude_characters=r"\)]")))
def test_a_prompt_without_pairs_stays_as_it_is(text):
    assert weighed(text) == [(text, 1.0)] * bool(text)


@given(st.text("()[]:\\.19 a", max_size=40))
def test_whatever_is_typed_is_read(text):
    assert all(piece for piece, _ in weighed(text))


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    [
        ("a (red:1.5) fox", [("a ", 1.0), ("red", 1.5), (" fox", 1.0)]),
        ("(red:1) fox", [("red fox", 1.0)]),
        ("fox :)", [("fox :)", 1.0)]),
        ("(a [b) c]", [("(a ", 1.0), ("b) c", 1 / MORE)]),
        ("(a:b)", [("a:b", MORE)]),
        ("[a:.5)", [("[a:.5)", 1.0)]),
        (r"\(a\) (b\))", [("(a) ", 1.0), ("b)", MORE)]),
        ("", []),
    ],
)
def test_marks_mean_what_a1111s_users_mean(prompt, pieces):
    assert weighed(prompt) == pieces


@pytest.mark.parametrize(
    ("prompt", "strong"),
    [
        ("(a:10)", False),
        ("(a:10.1)", True),
        ("(a:-11)", True),
        ("((a:9):9)", True),
        (f"{'(' * 9999}a:0{')' * 9999}", True),
    ],
)
def test_what_would_overflow_is_noticed(prompt, strong):
    assert too_strong(prompt) is strong


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a [fox:owl:0.5]", True),
        ("a [fox|owl]", True),
        ("a fox AND an owl", True),
        ("a fox BREAK blue", True),
        ("a [fox] and (an owl:1.2), BRAND: x", False),
    ],
)
def test_what_goes_beyond_emphasis_is_noticed(prompt, found):
    assert edited(prompt) is found
