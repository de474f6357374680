"""The whole queue on the page: one's own pictures, with a button to cancel them, and those of
others without a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sdplay.backends.guests import is_connected, label_of
from sdplay.jobs import Job
from sdplay.schedulers import scheduler_label
from sdplay.sharing.lineup import MOST, Lineup, QueueEntry, lineup
from sdplay.ui import session, whole
from sdplay.ui.session import Studio
from sdplay.wording import duration, literal, many

LIVE_SECONDS = 2.0
"""How often the pictures of others are drawn anew while somebody looks at them."""
PROMPT_LETTERS = 40


class TextPlace:
    """One place on the page for a text, sent only if it has changed."""

    def __init__(self, room: DeltaGenerator, text: str, is_small: bool = False) -> None:
        write = room.caption if is_small else room.markdown
        self._place = write(text) if text else room.empty()
        self._text, self._is_small = text, is_small

    def say(self, text: str) -> None:
        """Replaces the last text by this one. An empty text takes no room."""
        if text == self._text:
            return
        self._text = text
        if not text:
            self._place.empty()
        elif self._is_small:
            self._place.caption(text)
        else:
            self._place.markdown(text)


@dataclass(frozen=True)
class QueueTexts:
    """The texts of the list: those about others stand between one's own entries, each of which has
    a row with a button."""

    heading: str
    of_others: tuple[str, ...]
    """The texts before the first own entry, after it, after the next one, and so on."""
    of_mine: tuple[str, ...]
    further: str

    def in_order(self) -> list[str]:
        """The texts from top to bottom."""
        alternating = [
            text for pair in zip(self.of_others, self.of_mine, strict=False) for text in pair
        ]
        return [self.heading, *alternating, self.of_others[-1], self.further]

    def in_one(self) -> list[str]:
        """The same as a single text, where one's only entry needs no button of its own."""
        heading, *entries, further = self.in_order()
        lines = [_small(heading), *entries, _small(further)]
        return ["\n\n".join(line for line in lines if line)]


def show(studio: Studio) -> Callable[[], bool]:
    """Shows the list if it has more than one entry. A single own one is that with the button above.

    The returned function writes what has changed, and returns whether one's own entries are still
    the same; those of others come and go in their places.
    """
    listed = lineup(studio.jobs, studio.owner, is_connected)
    labels = session.labels()
    places = _laid_out(studio, listed, _texts(studio, listed, labels))

    def draw() -> bool:
        now = lineup(studio.jobs, studio.owner, is_connected)
        if _is_long(now) != bool(places) or (places and _own(now) != _own(listed)):
            return False
        if places:
            texts = _texts(studio, now, labels)
            now_said = texts.in_one() if len(places) == 1 else texts.in_order()
            for place, text in zip(places, now_said, strict=True):
                place.say(text)
        return True

    return draw


def _is_long(listed: Lineup[Job]) -> bool:
    return len(listed.entries) > 1


def _own(listed: Lineup[Job]) -> list[str]:
    return [entry.key for entry in listed.entries if entry.mine]


def _laid_out(studio: Studio, listed: Lineup[Job], texts: QueueTexts) -> list[TextPlace]:
    """The places of the list from top to bottom, and the buttons of one's own entries; none if it
    is not shown.

    A list of another length stands in a place of its own, so that nothing of the one before stays:
    Streamlit takes that away only at the end of a run, and this one waits.
    """
    one, several = st.empty(), st.empty()
    if not _is_long(listed):
        return []
    mine = [entry for entry in listed.entries if entry.mine]
    if len(mine) == 1:
        room = one.container(border=True, gap="xxsmall", key="queue")
        return [TextPlace(room, text) for text in texts.in_one()]
    with several.container():
        by_length = [st.empty() for _ in range(MOST)]
    room = by_length[len(mine) - 1].container(border=True, gap="xxsmall", key="queue")
    places = [TextPlace(room, texts.heading, is_small=True)]
    for of_others, of_mine, entry in zip(texts.of_others, texts.of_mine, mine, strict=False):
        places.append(TextPlace(room, of_others))
        with room, (row := _row()):
            places.append(TextPlace(row, of_mine))
            _way_out(studio, entry)
    places.append(TextPlace(room, texts.of_others[-1]))
    places.append(TextPlace(room, texts.further, is_small=True))
    return places


def _texts(studio: Studio, listed: Lineup[Job], labels: Mapping[str, str]) -> QueueTexts:
    stretches: list[list[str]] = [[]]
    own: list[str] = []
    for entry in listed.entries:
        sentence = _sentence(studio, entry, labels)
        if entry.mine:
            own.append(sentence)
            stretches.append([])
        else:
            stretches[-1].append(sentence)
    return QueueTexts(
        f"The queue: {many(listed.pictures, 'picture')}",
        tuple("\n\n".join(sentences) for sentences in stretches),
        tuple(own),
        _and_more({"yours": listed.further_mine, "others": listed.further}),
    )


def _small(text: str) -> str:
    return f":small[:gray[{text}]]" if text else ""


def _and_more(pictures: Mapping[str, int]) -> str:
    """How many entries are not listed, and whose they are."""
    more = [
        f"{many(count, 'more picture')} of {whose}" for whose, count in pictures.items() if count
    ]
    return f"And {' and '.join(more)}." if more else ""


def of_others(studio: Studio) -> None:
    """How many pictures of others are in the queue, and which, while there are none of one's
    own."""
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
        with _row():
            st.markdown(_sentence(studio, entry, labels))
            if entry.mine:
                _way_out(studio, entry)
    if not listed.entries:
        st.caption("The queue is empty now.")


def _row() -> DeltaGenerator:
    """The row of one entry."""
    return st.container(horizontal=True, vertical_alignment="center", gap="xsmall")


def _way_out(studio: Studio, entry: QueueEntry[Job]) -> None:
    """The button that takes one's own entry out of the queue."""
    st.button(
        "Cancel these" if len(entry.jobs) > 1 else "Cancel it",
        icon=":material/close:",
        type="tertiary",
        key=f"queue_{entry.key}",
        on_click=_cancel,
        args=(studio, entry),
    )


def _cancel(studio: Studio, entry: QueueEntry[Job]) -> None:
    """Takes an entry out of the queue. A comparison is stopped as a whole."""
    if entry.is_comparison:
        from sdplay.ui.compare import sweeping  # Not above: one picture needs nothing of it.

        for sweep in sweeping.mine(studio):
            if sweep.group == entry.key:
                sweep.cancel()
    for job in reversed(entry.jobs):  # the last first: none that waits takes a free place
        if job.active:
            job.cancel()


def _sentence(studio: Studio, entry: QueueEntry[Job], labels: Mapping[str, str]) -> str:
    """Whose the entry is, what it is and when it is due, with its settings in small letters
    below."""
    whose = "**Yours**" if entry.mine else "Somebody else's"
    count = many(len(entry.jobs), "picture")
    kind = f"a comparison's {count}" if entry.is_comparison else count
    kind = "a picture to be enlarged" if entry.jobs[0].enlarges else kind
    when = literal(_when(studio, entry))
    return f"{whose}: {kind} · {when}  \n:small[{literal(_settings(entry, labels))}]"


def _settings(entry: QueueEntry[Job], labels: Mapping[str, str]) -> str:
    """The settings in short, without what others wrote."""
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
