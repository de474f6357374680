"""The newest picture or the progress of the one being made, and below it the earlier pictures."""

import time
from collections.abc import Callable

import streamlit as st

from sdplay.errors import PlayError
from sdplay.jobs import Job
from sdplay.library import SavedPicture
from sdplay.params import Params
from sdplay.picture import Progress
from sdplay.schedulers import scheduler_label
from sdplay.ui import session, waiting, whole
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.form import form
from sdplay.ui.form.controls import LARGEST_IN_A_BROWSER
from sdplay.ui.generate import example, queue_list
from sdplay.ui.generate.batch import submit
from sdplay.ui.picture.columns import columns
from sdplay.ui.picture.details import details, download, hero, inpaint, start_from
from sdplay.ui.picture.inline import source
from sdplay.ui.picture.recall import recall
from sdplay.ui.picture.receipt import receipt, timing
from sdplay.ui.problems import explained, refused, told
from sdplay.ui.session import Studio
from sdplay.wording import duration, many

SOON_SECONDS = 0.25
"""How soon the browser asks for a run that waits, after a click or an interrupted run."""
PATIENCE_SECONDS = 30.0
"""How long such a run waits before the browser asks for the next one."""
GLANCE_SECONDS = 0.1
"""How often a waiting run looks whether something else was clicked; less often with many
visitors."""
LOOKS_A_SECOND = 8.0
"""How often changes are drawn for all waiting pictures together; for a single one at most four
times a second."""
RECENT = 12
"""Pictures in the strip below. A click for more of them shows all of its own."""
LINGER_SECONDS = 0.4
"""How long a finished picture has the browser to itself before the whole page is drawn anew."""


def show(studio: Studio) -> None:
    """Shows the newest picture, or the progress of the one being made until it is there."""
    if pictures := session.wanted_again():
        _submit(studio, pictures)
    latest = session.latest(studio)
    refusals: list[PlayError] = []
    inline, awaited, was_awaited = True, False, False

    @whole.fragment(every=SOON_SECONDS if latest and latest.active else None, key="result")
    def result() -> None:
        nonlocal refusals, inline, awaited, was_awaited
        alone, inline = not inline, False
        if pictures := session.wanted_again() if alone else 0:
            awaited = was_awaited = False
            refusals = _submit(studio, pictures)
        else:
            refused(refusals)
        if was_awaited:
            st.rerun()  # one full run: the timer stops, and the picture comes into the strip below
        job = session.latest(studio)
        stage = st.container(key="stage")
        # Each in a place of its own: what stands in the other one is cleared by that alone.
        progress, outcome = stage.empty(), stage.empty()
        if job and job.active:
            awaited = True
            with progress.container():
                draw = _progress(studio, job)
            if not (alone and _ended(studio, job, draw)):
                return
            progress.empty()
            job = session.latest(studio)
        was_awaited = awaited
        with outcome.container():
            _result(studio, job, alone=was_awaited)
        if alone:  # not above: the next run begins when the picture is in the browser
            waiting.tick_every(LINGER_SECONDS if was_awaited else None)

    result()
    if not (latest and latest.active):
        queue_list.of_others(studio)
    _recent(studio, max(RECENT, len(session.batch_of(studio, latest)) if latest else 0))


def _submit(studio: Studio, pictures: int) -> list[PlayError]:
    """Asks for what the form describes, or says why that cannot be."""
    with explained() as refusals:
        submit(studio, pictures)
    return refusals


def _ended(studio: Studio, job: Job, draw: Callable[[], bool]) -> bool:
    """Draws changes until all jobs of the click have ended; returns False if another run is needed
    first."""
    waiting.tick_every(PATIENCE_SECONDS)
    due = time.monotonic() + (pause := _pause(studio))
    while not job.wait(max(GLANCE_SECONDS, pause / 8)):
        if waiting.interrupted():
            waiting.tick_every(SOON_SECONDS)
            return False
        if time.monotonic() >= due:
            if not draw():
                st.rerun(scope="fragment")  # own pictures came or went
            due = time.monotonic() + (pause := _pause(studio))
    following = session.latest(studio)
    if following and following.active:
        st.rerun(scope="fragment")
    return True


def _pause(studio: Studio) -> float:
    """Seconds until the next change of one picture is drawn; more if many wait."""
    return max(SOON_SECONDS, studio.jobs.crowd() / LOOKS_A_SECOND)


def _result(studio: Studio, job: Job | None, alone: bool) -> None:
    is_ours = (
        job and job.backend.name == studio.backend.name
    )  # another one's end says nothing of this
    if job and is_ours:
        _ends(session.batch_of(studio, job))
    with explained():
        picture = job.saved if job and job.saved else _newest(studio)
        if picture:
            _picture(studio, picture, job if job and job.saved else None, alone)
        elif not is_ours:
            example.show(studio)


def _ends(batch: list[Job]) -> None:
    """Says what went wrong with the pictures of a click, and which were stopped."""
    failed = [job for job in batch if job.state == "failed"]
    if failed and len(batch) > 1:
        told(f"{len(failed)} of {many(len(batch), 'picture')} failed. {failed[0].error}")
    elif failed:
        told(failed[0].error)
    if any(job.state == "cancelled" for job in batch):
        stays = f" {_count_made(batch)} made; what was made stays." if len(batch) > 1 else ""
        st.info(f"Cancelled.{stays} Your settings are as they were.", icon=":material/stop_circle:")


def _count_made(batch: list[Job]) -> str:
    count = sum(job.saved is not None for job in batch)
    return f"{count} of {many(len(batch), 'picture')} {'is' if count == 1 else 'are'}"


def _newest(studio: Studio) -> SavedPicture | None:
    newest = studio.library.recent(studio.owner, 1)
    return newest[0] if newest else None


def _progress(studio: Studio, job: Job) -> Callable[[], bool]:
    """The preview, the bar, the cancel button and the queue.

    The returned function draws what has changed, and returns whether that was everything.
    """
    left, right = columns(job.params.width, job.params.height)
    preview = left.empty()
    preview.skeleton(height=420)
    bar = right.empty()
    with right:
        _ways_out(studio, job)
        draw_queue = queue_list.show(studio)
    drawn: Progress | None = None

    def draw_job() -> None:
        nonlocal drawn
        now = job.progress
        if not (drawn and drawn.preview is now.preview) and (look := now.look()):
            preview.html(_inside(look))
        bar.progress(min(1.0, now.fraction or 0.0), text=_standing(studio, job))
        drawn = now

    def draw() -> bool:
        draw_job()
        return draw_queue()

    draw_job()
    return draw


def _inside(preview: bytes) -> str:
    """A preview inside the page. As a file of its own the next one would remove it while it
    loads."""
    return (
        '<img alt="The picture so far" style="width:100%;border-radius:10px" '
        f'src="{source(preview)}">'
    )


def _ways_out(studio: Studio, job: Job) -> None:
    batch = session.batch_of(studio, job)
    st.button(
        "Cancel",
        icon=":material/stop_circle:",
        on_click=_cancel,
        args=(batch,),
        key="cancel",
        shortcut="esc",
        help="What was made stays." if len(batch) > 1 else None,
    )
    others = [
        neighbour
        for neighbour in studio.jobs.of(studio.owner)
        if neighbour.active and neighbour not in batch
    ]
    more = st.empty()  # without others this takes away what stood here
    if others:
        with more.container():
            st.caption(f"{len(others)} more of yours in the queue")
            st.button(
                "Cancel all",
                type="tertiary",
                key="cancel_all",
                icon=":material/playlist_remove:",
                on_click=_cancel,
                args=([*batch, *others],),
            )


def _cancel(jobs: list[Job]) -> None:
    for job in reversed(jobs):  # the last first: none that waits takes a place that becomes free
        if job.active:
            job.cancel()


def _standing(studio: Studio, job: Job) -> str:
    now = job.progress
    parts = [f"Step {now.step} of {now.steps}" if now.step else now.message or "Starting"]
    if job.state == "queued":
        ahead = studio.jobs.ahead(job)
        parts = [f"{ahead} ahead in the queue" if ahead else "Next in the queue"]
    elif now.position:
        parts.append(f"{now.position} ahead at the backend")
    elif now.step and now.message:
        parts.append(now.message)
    batch = session.batch_of(studio, job)
    if len(batch) > 1:
        parts = [f"{_count_made(batch)} made", *parts]
    last = next((member for member in reversed(batch) if member.active), job)
    left = studio.jobs.seconds_left(last)
    return " · ".join(parts if left is None else [*parts, f"{duration(left, left)} left"])


def _picture(studio: Studio, picture: SavedPicture, job: Job | None, alone: bool) -> None:
    """The picture, with the way it was made beside it. After a wait that is drawn a moment later,
    so that the picture is seen sooner."""
    left, right = columns(picture.width, picture.height)
    with left:
        hero(studio, picture)
    if alone:
        return
    with right:
        waited = job.started - job.created if job and not job.reused else 0.0
        timing(picture, "result", waited, reused=bool(job and job.reused))
        receipt(picture, "result")
        with st.container(horizontal=True, gap="xsmall"):
            download(studio, picture, "result")
            st.button(
                "Vary",
                icon=":material/shuffle:",
                key="vary",
                on_click=_vary,
                args=(picture.params,),
                help="The same settings with the next seed.",
            )
            _more(studio, picture)


def _more(studio: Studio, picture: SavedPicture) -> None:
    """What else can be done with the picture, in a menu: so the buttons stand in one row."""
    with st.popover("More", key="result_more"):
        with st.container(horizontal=True, gap="xsmall"):
            start_from(studio, picture, "result")
            inpaint(studio, picture, "result")
        recall(picture, f"recall_result_{picture.id}")


def _vary(params: Params) -> None:
    with explained():
        form.use(params.with_(seed=(params.seed + 1) % (LARGEST_IN_A_BROWSER + 1)))
        session.want_again(1)


@whole.fragment()
def _recent(studio: Studio, most: int) -> None:
    with explained():
        recent = studio.library.recent(studio.owner, most)
        if len(recent) > 1:
            st.caption("Recent")
            drawn = [
                Tile(picture.id, studio.library.thumbnail(picture), _named(picture.params))
                for picture in recent
            ]
            if id := tiles(drawn, key="recent", width=104, strip=True):
                details(id)


def _named(params: Params) -> str:
    """A picture's name among others: its prompt, and the settings that most often differ."""
    entry = scheduler_label(params.scheduler)
    return (
        f"{params.prompt or 'No prompt'}: {entry}, {many(params.steps, 'step')}, seed {params.seed}"
    )
