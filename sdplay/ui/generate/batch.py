"""Several pictures for one click: the same settings with the next seeds, and their price before the
click."""

import uuid
from dataclasses import replace

import streamlit as st

from sdplay.compare.axes import Setup
from sdplay.compare.plan import Facts, Plan, limit, plan
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params
from sdplay.sharing.turns import BATCH
from sdplay.ui import session, whole
from sdplay.ui.form import form
from sdplay.ui.form.controls import LARGEST_IN_A_BROWSER, bounded
from sdplay.ui.picture import enlarging
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.wording import literal, many


def pick() -> None:
    """Asks how many pictures a click makes. Another part of the page shows their price."""
    st.number_input(
        "Number of pictures",
        1,
        linked.MOST_PICTURES,
        1,
        **linked.bound("count"),
        on_change=whole.due,
        label_visibility="collapsed",
        icon=":material/photo_library:",
        width=110,
        help="How many pictures a click makes: the same settings with the next seeds, each "
        "with its own receipt.",
    )


def picked() -> int:
    """How many pictures a click makes."""
    return int(st.session_state.get("count", 1))


def price(studio: Studio, pictures: int) -> None:
    """Shows the cost of the pictures of a click, and how they are requested."""
    with explained():
        base = form.asked(studio.capabilities)
        sentence = _price_of_one(studio, base) if pictures == 1 else _price(studio, base, pictures)
        st.caption(literal(sentence))


def _price_of_one(studio: Studio, params: Params) -> str:
    """Work, seconds and money of a single picture, if they are known."""
    name = studio.backend.name
    if name == "builtin" and _is_made(studio, params):
        return "You made this one before: it comes from your library at once."
    money = studio.capabilities.price
    facts = Facts(
        seconds=lambda backend, planned: studio.jobs.estimates.seconds(backend, planned),
        price=lambda backend: money,
    )
    planned = plan(Setup(name, params), [], facts)
    unknown = "" if planned.seconds else " Seconds are known after the first."
    return f"{planned.sentence}{unknown}"


def _is_made(studio: Studio, params: Params) -> bool:
    """Whether the library has the picture. It looks only for a backend that knows its version
    without a request, so that moving a slider sends none."""
    from sdplay.library import Recipe  # Not above: the prompt is on screen before the database.

    version = studio.backend.model_version(params)
    recipe = Recipe(params, studio.backend.name, version)
    return studio.library.made(recipe, studio.owner) is not None


def _price(studio: Studio, base: Params, pictures: int) -> str:
    planned = _planned(studio, base, pictures)
    seeds = [cell.params.seed for cell in planned.cells]
    at_once = min(studio.capabilities.at_once, pictures)
    how = "one after another" if at_once < 2 else f"up to {at_once} at once"
    return f"{planned.sentence} Seeds {seeds[0]} to {seeds[-1]}, each a request of its own, {how}."


def submit(studio: Studio, pictures: int) -> None:
    """Queues the pictures, and says how many found no place in the queue."""
    base = form.asked(studio.capabilities)
    wanted = [base] if pictures == 1 else _with_next_seeds(studio, base, pictures)
    if all(_is_at_work(studio, params) for params in wanted):
        st.toast("It is being made already: one click is enough.", icon=":material/info:")
        return
    group = f"{BATCH}{uuid.uuid4().hex[:12]}" if pictures > 1 else ""
    for queued, params in enumerate(wanted):
        written = form.as_written(params, studio.capabilities)
        try:
            session.submit(studio, params, group, written, enlarging.automatic(studio))
        except BadParams as error:
            started = f"Only {queued} of {pictures} pictures are queued. " if queued else ""
            raise BadParams(f"{started}{error}") from error


def _with_next_seeds(studio: Studio, base: Params, pictures: int) -> list[Params]:
    """The settings of each picture, with the words that its seed draws."""
    planned = _planned(studio, base, pictures)
    if planned.needs_confirmation:
        raise BadParams(
            f"More than {limit()} pictures at one click need a confirmation: vary the seed in "
            "Compare, where it is asked for."
        )
    return [form.asked(studio.capabilities, cell.params.seed) for cell in planned.cells]


def _is_at_work(studio: Studio, params: Params) -> bool:
    """Whether an earlier click asked for exactly the same and its pictures are not there yet."""
    return any(
        job.active
        and job.params == params
        and job.backend.name == studio.backend.name
        and (not job.group or job.group.startswith(BATCH))
        for job in studio.jobs.of(studio.owner)
    )


def _planned(studio: Studio, base: Params, pictures: int) -> Plan:
    """A picture for each seed from this one on, checked and priced like a comparison."""
    from sdplay.ui.compare import sweeping  # Not above: one picture needs nothing of it.

    largest = int(bounded(KNOBS["seed"], studio.capabilities).high or LARGEST_IN_A_BROWSER)
    last = base.seed + pictures - 1
    if last > largest:
        raise BadParams(
            f"{many(pictures, 'picture')} take the seeds up to {last}, and the largest here is "
            f"{largest}. Choose a seed of at most {largest - pictures + 1}."
        )
    facts = sweeping.bench(False).facts(
        studio.backend.name, studio.library, sweeping.speeds(), owner=studio.owner
    )
    if form.draws_words(studio.capabilities):
        facts = replace(facts, settled=lambda setup: _with_own_words(studio, setup))
    seeds = list(range(base.seed, last + 1))
    return plan(Setup(studio.backend.name, base), [("seed", seeds)], facts)


def _with_own_words(studio: Studio, setup: Setup) -> Setup:
    """The settings with the words that this seed draws."""
    return replace(setup, params=form.asked(studio.capabilities, setup.params.seed))
