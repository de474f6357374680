"""The two suites: README's command takes a sample where the full one takes everything."""

import os
from itertools import cycle, islice, product


def in_full(everything, sample):
    """Everything where SDPLAY_FULL_SUITE is set, as in .ci/run; otherwise a sample of it."""
    return everything if os.environ.get("SDPLAY_FULL_SUITE") else sample


def crossed(ones, others):
    """Every pair in the full suite; otherwise so few that each of both is in one."""
    ones, others = [*ones], [*others]
    longest = max(len(ones), len(others))
    sample = islice(zip(cycle(ones), cycle(others), strict=False), longest)
    return in_full([*product(ones, others)], [*sample])


LONGEST_FIRST = (
    "test_page_compare",
    "test_memory",
    "test_kills",
    "test_engine_loop",
    "test_team",
    "test_page_learn",
    "test_a1111_measured",
    "test_contract",
    "test_sweep_together",
    "test_cli_sweep",
    "test_odd_messages",
    "test_tree_memory",
    "test_page_explore",
    "test_lessons",
    "test_builtin",
    "test_a1111",
    "test_cli",
    "test_page_connect",
    "test_library_safety",
    "test_explore",
    "test_page",
    "test_sweeps",
    "test_floods",
    "test_page_local",
    "test_page_batch",
    "test_odd_values",
    "test_local_process",
    "test_guests",
    "test_engine_thread",
    "test_page_links",
    "test_page_linked",
)
"""Files that take long. One that begins last keeps one core busy when the others are done."""


def place(name):
    """Where a file of tests stands in the order; those that are not named keep theirs."""
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)
