"""The whole queue on the page: own pictures marked and to be cancelled, others' without a name."""

from collections.abc import Callable

import streamlit as st

from sdplay.backends.guests import is_connected, label_of
from sdplay.jobs import Job
from sdplay.schedulers import scheduler_label
from sdplay.sharing.lineup import QueueEntry, lineup
from sdplay.ui import session, whole
from sdplay.ui.session import Studio
from sdplay.wording import duration, literal, many

LIVE_SECONDS = 2.0
"""So often the queue of others is drawn anew while somebody looks at it."""
PROMPT_LETTERS = 40


def show(studio: Studio) -> Callable[[], bool]:
    """The list, where more than one entry stands in it.

    What is returned draws its numbers anew and says whether it still holds the same entries.
    """
    listed = lineup(studio.jobs, studio.owner, is_connected)
    spots: dict[str, st.delta_generator.DeltaGenerator] = {}
    if len(listed.entries) > 1:
        with st.container(border=True, gap="xxsmall", key="queue"):
            st.caption(f"The queue: {many(listed.pictures, 'picture')}")
            for entry in listed.entries:
                spots[entry.key] = _row(studio, entry)
            for pictures, whose in ((listed.further_mine, "yours"), (listed.further, "others")):
                if pictures:
                    st.caption(f"And {many(pictures, 'more picture')} of {whose}.")

    def draw() -> bool:
        now = lineup(studio.jobs, studio.owner, is_connected)
        for entry in now.entries if spots else ():
            if entry.key in spots:
                spots[entry.key].markdown(_sentence(studio, entry))
        return (len(now.entries) > 1) == bool(spots) and (not spots or now.keys == listed.keys)

    draw()
    return draw


def of_others(studio: Studio) -> None:
    """While nothing of one's own is on its way: how many others' are, and which."""
    if not (pictures := lineup(studio.jobs, studio.owner, is_connected).pictures):
        return
    fold = st.popover(
        f"{many(pictures, 'picture')} in the queue",
        icon=":material/format_list_numbered:",
        type="tertiary",
        key="queue_open",
        on_change="rerun",
    )
    if fold.open:
        with fold:
            _live(studio)


@whole.fragment(every=LIVE_SECONDS)
def _live(studio: Studio) -> None:
    listed = lineup(studio.jobs, studio.owner, is_connected)
    for entry in listed.entries:
        _row(studio, entry).markdown(_sentence(studio, entry))
    if not listed.entries:
        st.caption("The queue is empty now.")


def _row(studio: Studio, entry: QueueEntry[Job]) -> st.delta_generator.DeltaGenerator:
    """A place for the entry's sentence, and the way out of the queue for one's own."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        spot = st.empty()
        if entry.mine:
            st.button(
                "Cancel these" if len(entry.jobs) > 1 else "Cancel it",
                icon=":material/close:",
                type="tertiary",
                key=f"queue_{entry.key}",
                on_click=_cancel,
                args=(studio, entry),
            )
    return spot


def _cancel(studio: Studio, entry: QueueEntry[Job]) -> None:
    """Take it out of the queue; a comparison stops as a whole."""
    if entry.is_comparison:
        from sdplay.ui.compare import sweeping  # Not above: one picture needs nothing of it.

        for sweep in sweeping.mine(studio):
            if sweep.group == entry.key:
                sweep.cancel()
    for job in reversed(entry.jobs):  # the last first: none that waits takes a free place
        if job.active:
            job.cancel()


def _sentence(studio: Studio, entry: QueueEntry[Job]) -> str:
    """Whose, what kind and when; below it smaller the settings."""
    whose = "**Yours**" if entry.mine else "Somebody else's"
    count = many(len(entry.jobs), "picture")
    kind = f"a comparison's {count}" if entry.is_comparison else count
    kind = "a picture to be enlarged" if entry.jobs[0].enlarges else kind
    when = literal(_when(studio, entry))
    return f"{whose}: {kind} · {when}  \n:small[{literal(_settings(entry))}]"


def _settings(entry: QueueEntry[Job]) -> str:
    """In short; nobody reads what others wrote."""
    params = entry.jobs[0].params
    short = params.prompt[:PROMPT_LETTERS].strip()
    prompt = [f"“{short}{'…' if len(params.prompt) > PROMPT_LETTERS else ''}”"] if short else []
    where = session.labels().get(entry.jobs[0].backend.name) or label_of(entry.jobs[0].backend.name)
    settings = [
        where,
        f"{scheduler_label(params.scheduler)} {many(params.steps, 'step')}",
        f"{params.width} × {params.height}",
    ]
    return " · ".join([*(prompt if entry.mine else []), *settings])


def _when(studio: Studio, entry: QueueEntry[Job]) -> str:
    if entry.paused:
        return "paused"
    left = studio.jobs.seconds_left(entry.jobs[0])
    wait = "" if left is None else f", {duration(left, left)}"
    if not entry.position:
        return f"at work{wait}"
    return f"next{wait}" if entry.position == 1 else f"number {entry.position}{wait}"
