"""Laws of the comparison lab, tried on anything: both grammars, thinning, the guard, the frontier,
the measures."""

from decimal import Decimal

import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis: pip install '.[dev]'")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from sdplay.compare.evidence.answers import frontier, sign_test
from sdplay.compare.evidence.measures import difference
from sdplay.compare.grammar import EXAMPLES, MOST, Value, expand, written
from sdplay.compare.guard import guard
from sdplay.compare.plan import thinned
from sdplay.errors import BadParams
from tests.test_compare_answers import brute_force
from tests.test_compare_grammar import values
from tests.test_compare_guard import CHANGES, ONE
from tests.test_compare_measures import noise, planted

anything = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = some.decimals(-1000, 1000, places=2)
LETTERS = some.characters(codec="utf-8", exclude_categories=["C", "Z"]) | some.sampled_from(' ,"=-')
WORDS = some.text(LETTERS, min_size=1)
PAIRS = some.tuples(some.integers(0, 12).map(float), some.integers(0, 12).map(float))


@anything
@given(NUMBERS, NUMBERS, some.decimals("0.01", 500, places=2))
def test_a_range_is_inclusive_and_never_overshoots(first, last, step):
    step = max(step, abs(last - first) / MOST)
    step = Decimal(round(step, 2)) + Decimal("0.01")
    found = values(f"{first}-{last}({step})", float)
    assert found[0] == float(first)
    assert all(min(first, last) <= Decimal(repr(value)) <= max(first, last) for value in found)
    assert len(found) == int(abs(last - first) / step) + 1
    assert (found[-1] == float(last)) == ((last - first) % step == 0)


@anything
@given(NUMBERS, NUMBERS, some.integers(2, 60))
def test_evenly_spaced_values_hold_both_ends(first, last, many):
    found = values(f"{first}-{last}[{many}]", float)
    assert {found[0], found[-1]} == {float(first), float(last)}
    assert len(found) <= many


@anything
@given(
    some.lists(
        some.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 6)),
        min_size=1,
        unique=True,
    )
)
def test_numbers_written_are_read_back(numbers):
    numbers = list(dict.fromkeys(numbers))
    assert values(written([Value(number) for number in numbers]), float) == numbers


@anything
@given(
    some.lists(
        WORDS.map(str.strip).filter(lambda word: word and "|" not in word), min_size=1, unique=True
    )
)
def test_words_written_are_read_back(words):
    words = [word for word in words if not word.lower().startswith("skip")] or ["fox"]
    assert values(written([Value(word) for word in words]), str) == words


@anything
@given(some.text(), some.sampled_from(list(EXAMPLES)))
def test_any_text_is_read_or_refused_in_a_sentence(text, kind):
    told = ""
    try:
        expand(text, kind)
    except BadParams as error:
        told = str(error)
    assert not told or "rite" in told


@anything
@given(some.lists(some.floats(0.1, 100), min_size=5, unique=True))
def test_thinned_values_keep_both_ends(values):
    fewer = thinned(values)
    assert {min(values), max(values)} <= set(fewer) <= set(values)
    assert len(fewer) <= (len(values) + 2) // 2


@anything
@given(some.sets(some.sampled_from([name for name in CHANGES if name != "scheduler"])))
def test_every_set_of_differences_is_named_exactly(names):
    verdict = guard([ONE, ONE.with_(**{name: CHANGES[name] for name in names})])
    assert set(verdict.names) == names
    assert verdict.level == ("same", "fair", "confounded")[min(len(names), 2)]


@anything
@given(some.lists(PAIRS, max_size=25))
def test_any_frontier_equals_brute_force(points):
    assert sorted(frontier(points)) == brute_force(points)


@anything
@given(some.lists(some.floats(0, 1), min_size=1, max_size=30))
def test_any_equal_settings_give_no_difference(values):
    told = sign_test(("A", values), ("B", values))
    assert told.chance == 1
    assert told.sentence == "Tie: A and B are the same on every seed."


@anything
@given(some.integers(0, 56), some.integers(0, 40), some.integers(1, 120))
def test_any_planted_patch_is_located(left, top, by):
    told = difference(noise(), planted(noise(), left, top, by))
    assert told.box == (left, top, left + 8, top + 8)
    assert told.changed == pytest.approx(64 / (64 * 48))
