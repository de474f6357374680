"""The whole queue on the page: own pictures marked and to be cancelled, others' without a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sdplay.backends.guests import is_connected, label_of
from sdplay.jobs import Job
from sdplay.schedulers import scheduler_label
from sdplay.sharing.lineup import Lineup, QueueEntry, lineup
from sdplay.ui import session, whole
from sdplay.ui.session import Studio
from sdplay.wording import duration, literal, many

LIVE_SECONDS = 2.0
"""So often the queue of others is drawn anew while somebody looks at it."""
PROMPT_LETTERS = 40


class TextPlace:
    """One place on the page for a text, sent only when it differs from what stands there."""

    def __init__(self, place: DeltaGenerator, is_small: bool = False) -> None:
        self._write = place.caption if is_small else place.markdown
        self._clear = place.empty
        self._text = ""

    def say(self, text: str) -> None:
        """Put this text in the place of the last one; an empty text takes no room."""
        if text == self._text:
            return
        self._text = text
        if text:
            self._write(text)
        else:
            self._clear()


@dataclass(frozen=True)
class QueueTexts:
    """Where the queue's texts stand: those of others between one's own entries, each of which has
    a row with a button."""

    heading: TextPlace
    of_others: tuple[TextPlace, ...]
    """Before the first own entry, after it, after the next one, and so on."""
    of_mine: tuple[TextPlace, ...]
    further_mine: TextPlace
    further: TextPlace


def show(studio: Studio) -> Callable[[], bool]:
    """Room for the list, where more than one entry stands in it.

    What is returned writes what changed, and says whether one's own entries are still the same:
    those of others come and go in their places.
    """
    listed = lineup(studio.jobs, studio.owner, is_connected)
    lines = _laid_out(studio, listed) if len(listed.entries) > 1 else None

    def draw() -> bool:
        now = lineup(studio.jobs, studio.owner, is_connected)
        if (len(now.entries) > 1) != bool(lines):
            return False
        if lines is None:
            return True
        if _own(now) != _own(listed):
            return False
        _write(studio, now, lines)
        return True

    return draw


def _own(listed: Lineup[Job]) -> list[str]:
    return [entry.key for entry in listed.entries if entry.mine]


def _laid_out(studio: Studio, listed: Lineup[Job]) -> QueueTexts:
    """Room for the list's texts, and the buttons of one's own entries."""
    with st.container(border=True, gap="xxsmall", key="queue"):
        heading = TextPlace(st.empty(), is_small=True)
        of_others, of_mine = [TextPlace(st.empty())], []
        for entry in listed.entries:
            if entry.mine:
                of_mine.append(TextPlace(_row(studio, entry)))
                of_others.append(TextPlace(st.empty()))
        further = [TextPlace(st.empty(), is_small=True) for _ in range(2)]
    return QueueTexts(heading, tuple(of_others), tuple(of_mine), *further)


def _write(studio: Studio, listed: Lineup[Job], lines: QueueTexts) -> None:
    stretches: list[list[str]] = [[]]
    own, labels = iter(lines.of_mine), session.labels()
    for entry in listed.entries:
        sentence = _sentence(studio, entry, labels)
        if entry.mine:
            next(own).say(sentence)
            stretches.append([])
        else:
            stretches[-1].append(sentence)
    for line, sentences in zip(lines.of_others, stretches, strict=True):
        line.say("\n\n".join(sentences))
    lines.heading.say(f"The queue: {many(listed.pictures, 'picture')}")
    lines.further_mine.say(_and_more(listed.further_mine, "yours"))
    lines.further.say(_and_more(listed.further, "others"))


def _and_more(pictures: int, whose: str) -> str:
    return f"And {many(pictures, 'more picture')} of {whose}." if pictures else ""


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
    labels = session.labels()
    for entry in listed.entries:
        _row(studio, entry).markdown(_sentence(studio, entry, labels))
    if not listed.entries:
        st.caption("The queue is empty now.")


def _row(studio: Studio, entry: QueueEntry[Job]) -> DeltaGenerator:
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


def _sentence(studio: Studio, entry: QueueEntry[Job], labels: Mapping[str, str]) -> str:
    """Whose, what kind and when; below it smaller the settings."""
    whose = "**Yours**" if entry.mine else "Somebody else's"
    count = many(len(entry.jobs), "picture")
    kind = f"a comparison's {count}" if entry.is_comparison else count
    kind = "a picture to be enlarged" if entry.jobs[0].enlarges else kind
    when = literal(_when(studio, entry))
    return f"{whose}: {kind} · {when}  \n:small[{literal(_settings(entry, labels))}]"


def _settings(entry: QueueEntry[Job], labels: Mapping[str, str]) -> str:
    """In short; nobody reads what others wrote."""
    params = entry.jobs[0].params
    short = params.prompt[:PROMPT_LETTERS].strip()
    prompt = [f"“{short}{'…' if len(params.prompt) > PROMPT_LETTERS else ''}”"] if short else []
    where = labels.get(entry.jobs[0].backend.name) or label_of(entry.jobs[0].backend.name)
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
