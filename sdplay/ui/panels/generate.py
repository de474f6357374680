"""Generate: one prompt, one click, one picture that proves how it was made."""

import json
from typing import Any

import streamlit as st

from sdplay.jobs import Job
from sdplay.library import Kept
from sdplay.params import KNOBS, Params, differing
from sdplay.picture import Timing
from sdplay.schedulers import find
from sdplay.ui import form, session
from sdplay.ui.problems import explained, plain, told
from sdplay.ui.session import Studio

TITLE = "Generate"
ORDER = 1
POLL_SECONDS = 0.4


def show(studio: Studio) -> None:
    """The prompt card, then the picture or its progress, then what was made before."""
    with st.container(border=True, gap="small", key="card"):
        form.prompts(studio.capabilities)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            _words(studio)
            _payload(studio)
            _link()
            st.space("stretch")
            wanted = st.button("Generate", icon=":material/auto_awesome:", type="primary", key="go",
                               shortcut="ctrl+enter")  # fmt: skip
    if wanted or st.session_state.pop("again", False):
        _submit(studio)
    job = session.latest(studio)
    busy = bool(job and job.active)

    @st.fragment(run_every=POLL_SECONDS if busy else None)
    def result() -> None:
        _result(studio, job)
        if busy and not (job and job.active):
            st.rerun()  # one full run: the timer stops and everything is drawn anew

    result()
    _recent(studio)


def _submit(studio: Studio) -> None:
    with explained():
        params = form.asked(studio.capabilities)
        job = studio.jobs.submit(params, studio.backend, studio.owner, at_once=studio.capabilities.at_once)
        st.session_state["job"] = job.id


def _words(studio: Studio) -> None:
    """Words the model knows: a click adds one to the prompt."""
    if not studio.capabilities.chips:
        return

    def add(group: str) -> None:
        word = st.session_state[f"word_{group}"]
        prompt = st.session_state.get("prompt", "").strip().rstrip(",")
        said = f"on a {word} background" if group == "Colours" else word
        joined = {"Things": " and ", "Colours": " "}.get(group, ", ")
        st.session_state["prompt"] = f"{prompt}{joined}{said}" if prompt else said
        st.session_state[f"word_{group}"] = None

    with st.popover("Words it knows", icon=":material/add:", type="tertiary", width="content"):
        for group, words in studio.capabilities.chips.items():
            st.pills(group, words, key=f"word_{group}", on_change=add, args=(group,))


def _payload(studio: Studio) -> None:
    """The exact request, to see and to edit before it goes."""
    with st.popover("Payload", icon=":material/data_object:", type="tertiary"), explained():
        st.caption("What will be sent. Fields you write below are laid over it.")
        sent = studio.backend.payload(form.asked(studio.capabilities))
        st.code(json.dumps(sent, indent=2, ensure_ascii=False), language="json", height=260)
        st.text_area("Your fields, as JSON", key="extra_json", placeholder='{"steps": 12}', height=90)


def _link() -> None:
    with st.popover("Share", icon=":material/link:", type="tertiary"):
        st.caption("The address bar is the whole form. This link opens it anywhere this page can be reached.")
        st.code((st.context.url or "").split("?")[0] + "?" + _query(), language=None, wrap_lines=True)


def _query() -> str:
    from urllib.parse import urlencode

    return urlencode(st.query_params.to_dict())


def _result(studio: Studio, job: Job | None) -> None:
    if job is None:
        newest = studio.library.recent(studio.owner, 1)
        if newest:
            _picture(studio, newest[0])
        else:
            st.info("Press Generate (Ctrl+Enter). The first picture takes a few seconds, the next about one.",
                    icon=":material/brush:")  # fmt: skip
    elif job.active:
        _progress(studio, job)
    elif job.kept:
        _picture(studio, job.kept, job)
    elif job.state == "failed":
        told(job.error)
    else:
        st.info("Cancelled. Your settings are as they were.", icon=":material/stop_circle:")


def _progress(studio: Studio, job: Job) -> None:
    hero, side = st.columns([1.5, 1], gap="large")
    now = job.progress
    with hero:
        if now.preview:
            st.image(now.preview, width="stretch", alt="The picture so far")
        else:
            st.skeleton(height=420)
    with side:
        left = studio.jobs.seconds_left(job)
        parts = [f"Step {now.step} of {now.steps}" if now.step else now.message or "Starting"]
        if job.state == "queued" and (ahead := studio.jobs.ahead(job)):
            parts = [f"{ahead} ahead of you"]
        if left is not None:
            parts.append(f"{left:.1f} s left")
        st.progress(min(1.0, now.fraction or 0.0), text=" · ".join(parts))
        st.button("Cancel", icon=":material/stop_circle:", on_click=job.cancel, key="cancel", shortcut="esc")


def _picture(studio: Studio, kept: Kept, job: Job | None = None) -> None:
    hero, side = st.columns([1.5, 1], gap="large")
    with hero, explained():
        st.image(_shown(studio, kept.id), width="stretch", output_format="PNG", alt=plain(kept.params.prompt))
    with side:
        for warning in kept.receipt.warnings:
            st.warning(plain(warning), icon=":material/info:")
        _timing(kept, job)
        _receipt(kept)
        _actions(studio, kept)


@st.cache_data(show_spinner=False, max_entries=24)
def _enlarged(data: bytes) -> bytes:
    """Small pictures are enlarged without smoothing lies: whole multiples, so that each pixel stays a square."""
    import io

    from PIL import Image

    from sdplay.picture import png_bytes

    with Image.open(io.BytesIO(data)) as opened:
        factor = max(1, 768 // max(opened.size))
        return png_bytes(opened.resize((opened.width * factor, opened.height * factor), Image.Resampling.BICUBIC))


def _shown(studio: Studio, id: str) -> bytes:
    kept = studio.library.get(id, studio.owner)
    return _enlarged(studio.library.data(kept)) if kept else b""


def _timing(kept: Kept, job: Job | None) -> None:
    reused = bool(job and job.reused)
    with st.container(horizontal=True, gap="xsmall"):
        st.badge(f"{kept.timing.total:.2f} s", icon=":material/timer:", color="primary", help=_spent(kept.timing))
        if kept.timing.sampling:
            entry = find(kept.params.scheduler)
            calls = entry.evaluations(kept.params.steps) if entry else kept.params.steps
            st.badge(f"{calls / kept.timing.sampling:.0f} it/s", icon=":material/speed:", color="gray",
                     help=f"{calls} model evaluations in {kept.timing.sampling:.2f} s")  # fmt: skip
        if reused:
            st.badge("from the library", icon=":material/inventory_2:", color="green",
                     help="Made before with exactly these settings, so it was not made again.")  # fmt: skip
        if kept.partial:
            st.badge("partial", color="orange", help="Stopped before the end.")
    st.caption(_spent(kept.timing))


def _spent(timing: Timing) -> str:
    """Where the seconds went; what could not be told apart is left out."""
    parts = [f"{name} {seconds:.2f} s" for name, seconds in timing.as_dict().items()
             if seconds is not None and name != "total" and seconds >= 0.005]  # fmt: skip
    return " · ".join(parts) or "The backend does not tell where the time went."


def _receipt(kept: Kept) -> None:
    """Asked and applied side by side; a mark where they differ or the backend is silent."""
    asked, applied = kept.receipt.asked, kept.receipt.applied
    rows = {KNOBS[name].label: _line(name, asked, applied) for name in KNOBS
            if (asked.get(name) or applied.get(name)) and name not in ("extra", "width", "height")}  # fmt: skip
    rows["Size"] = _line("size", {"size": _size(asked)}, {"size": _size(applied)} if "width" in applied else {})
    st.table(rows, border="horizontal", hide_header=True)
    with st.expander("Receipt: what was sent", icon=":material/receipt_long:"):
        st.json(dict(kept.receipt.sent), expanded=True)


def _size(told: Any) -> str:
    return f"{told.get('width', '?')} × {told.get('height', '?')}"


def _line(name: str, asked: Any, applied: Any) -> str:
    wanted, got = asked.get(name), applied.get(name)
    if name not in applied:
        return f"{_short(name, wanted)} · not reported"
    if name in asked and wanted != got:
        return f"{_short(name, wanted)} → {_short(name, got)}"
    return f"{_short(name, got)} ✓"


def _short(name: str, value: Any) -> str:
    if name == "scheduler" and (entry := find(str(value))):
        return entry.label
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _actions(studio: Studio, kept: Kept) -> None:
    def vary() -> None:
        form.use(kept.params.with_(seed=kept.params.seed + 1))
        st.session_state["again"] = True

    with st.container(horizontal=True, gap="xsmall"):
        st.download_button("PNG", lambda: studio.library.data(kept), f"sdplay-{kept.params.seed}.png", "image/png",
                           icon=":material/download:", on_click="ignore",
                           help="The original file, its settings inside")  # fmt: skip
        st.button("Vary", icon=":material/shuffle:", on_click=vary, key="vary",
                  help="The same settings with the next seed")  # fmt: skip


def _recent(studio: Studio) -> None:
    recent = studio.library.recent(studio.owner, 12)
    if len(recent) < 2:
        return
    st.caption("Recent")
    with st.grid(12, min_column_width=84, gap="xsmall"):
        for kept in recent:
            with st.container(gap="xxsmall"), explained():
                st.image(studio.library.thumbnail(kept), width="stretch", alt=plain(kept.params.prompt))
                if st.button("Details", key=f"open_{kept.id}", type="tertiary", width="stretch"):
                    _details(studio, kept)


@st.dialog("Picture", width=480, position="right")
def _details(studio: Studio, kept: Kept) -> None:
    with explained():
        st.image(_shown(studio, kept.id), width="stretch", output_format="PNG", alt=plain(kept.params.prompt))
        st.code(kept.params.prompt, language=None, wrap_lines=True)
        changed = _changed(studio, kept.params)
        if changed:
            st.caption("Differs from the form in: " + ", ".join(changed))
        _timing(kept, None)
        _receipt(kept)
        with st.container(horizontal=True, gap="xsmall"):
            if st.button("Use these settings", type="primary", icon=":material/replay:", key="use",
                         on_click=form.use, args=(kept.params,)):  # fmt: skip
                st.rerun()
            st.download_button("PNG", studio.library.data(kept), f"sdplay-{kept.params.seed}.png", "image/png",
                               icon=":material/download:", on_click="ignore", key="download_details")  # fmt: skip


def _changed(studio: Studio, params: Params) -> list[str]:
    return [KNOBS[name].label for name in differing(params, form.asked(studio.capabilities))]
