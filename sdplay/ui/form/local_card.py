"""The local process on the page: start it, watch it start, see what it has loaded, stop it."""

from pathlib import Path

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.backends.local import Local
from sdplay.backends.local.process import (
    BUILTIN,
    DEVICES,
    DTYPES,
    INSTALL,
    OURS,
    TILES,
    Launch,
    depth_models,
    last_launch,
    missing,
    offered,
    startable,
)
from sdplay.errors import BadParams
from sdplay.settings import setting
from sdplay.ui import session, whole
from sdplay.ui.form.visit import from_this_machine
from sdplay.ui.problems import explained
from sdplay.wording import literal, size

LOOK_SECONDS = 1.0
LOG_LINES = 8


def show(backend: str, capabilities: Capabilities) -> None:
    """A card above the tabs, while the local process is chosen and not ready, for those who may
    start it."""
    if backend != Local.name or not may_start():
        return
    _notice()
    address = Local().wire.address
    if OURS.child(address):
        _watch()
    elif capabilities.status == "down" and startable(address):
        with st.container(border=True, gap="small", key="local_card"):
            if missing():
                _how_to_install()
            else:
                _ask(OURS.sentence or "No local process answers yet.")


def menu(backend: str) -> None:
    """In the sidebar, once it is ready: what it has loaded, its output, and how to stop it."""
    if backend != Local.name or OURS.state != "ready" or not may_start():
        return
    popover = st.popover(
        "Process", icon=":material/memory:", type="tertiary", key="local_menu", on_change="rerun"
    )
    if popover.open:
        with popover:
            _live()


def unready(backend: str, capabilities: Capabilities) -> bool:
    """Whether it starts for the first time. The size that its model was made for is unknown then,
    so pictures wait."""
    return backend == Local.name and capabilities.status == "starting" and not capabilities.defaults


def may_start() -> bool:
    """Whether this visit may start it: by SDPLAY_LOCAL_START, otherwise only from this machine,
    because it reads files and takes memory."""
    rule = setting("SDPLAY_LOCAL_START")
    return rule == "1" if rule else from_this_machine()


def _notice() -> None:
    """Asks the backend again as soon as the process that we started has changed."""
    if has_news():
        st.session_state["local_state"] = _state()
        session.ask_again()
        st.rerun()


def has_news() -> bool:
    """Whether the process that we started has changed since the page was drawn."""
    before: tuple[str, int] = st.session_state.get("local_state", ("off", 0))
    return before != _state()


def _state() -> tuple[str, int]:
    return OURS.state, OURS.child(OURS.address)


def _ask(why: str) -> None:
    last, choices = last_launch(), offered()
    anything = from_this_machine()
    if anything and last.model not in choices:
        choices.insert(0, last.model)
    st.markdown(
        f"{literal(why)} Start one here: it keeps a Stable Diffusion model ready on your GPU or "
        "CPU."
    )
    model, device, precision = st.columns([2, 1, 1], gap="small")
    model.selectbox(
        "Model",
        choices,
        choices.index(last.model) if last.model in choices else 0,
        key="local_model",
        format_func=_named,
        accept_new_options=anything,
        help="A folder in diffusers' layout, a .safetensors file, or a hub id like owner/name. "
        "Everything in "
        f"{literal(setting('SDPLAY_MODELS'))} is listed.",
    )
    device.selectbox(
        "Device",
        DEVICES,
        DEVICES.index(last.device),
        key="local_device",
        format_func=lambda name: name.upper() or "Auto",
        help="Auto takes CUDA or MPS where there is one.",
    )
    precision.selectbox(
        "Precision",
        DTYPES,
        DTYPES.index(last.dtype),
        key="local_dtype",
        format_func=lambda name: name or "Auto",
        help="Auto is fp16 on cards and fp32 on the CPU.",
    )
    _ask_more(last, anything)
    with st.container(horizontal=True, vertical_alignment="center"):
        if OURS.log(1):
            with st.popover("Log", icon=":material/subject:", type="tertiary"):
                _log()
        st.space("stretch")
        st.button(
            "Start",
            icon=":material/play_arrow:",
            type="primary",
            key="local_start",
            on_click=_start,
        )


def _ask_more(last: Launch, anything: bool) -> None:
    """What not everybody needs: a model for depth, and tiles for large pictures."""
    folders = ["", *depth_models()]
    if anything and last.depth not in folders:
        folders.append(last.depth)
    depth, tiles, _ = st.columns([2, 1, 1], gap="small")
    depth.selectbox(
        "Depth model",
        folders,
        folders.index(last.depth) if last.depth in folders else 0,
        key="local_depth",
        format_func=lambda folder: Path(folder).name or "None",
        accept_new_options=anything,
        help="The folder of a model that tells how far away things are (DPT, Depth Anything …): "
        "the ControlNet preprocessor depth. Those in "
        f"{literal(setting('SDPLAY_MODELS'))} are listed.",
    )
    tiles.selectbox(
        "Large pictures",
        TILES,
        TILES.index(last.tile),
        key="local_tile",
        format_func=lambda side: f"Tiles of {side}" if side else "Whole",
        help="Denoise pictures larger than a tile in overlapping tiles: memory follows the tile, "
        "not the picture. Best for painting over an enlarged picture, because each tile is told "
        "the whole prompt.",
    )


def _start() -> None:
    state = st.session_state
    with explained():
        if not may_start() or not (from_this_machine() or _is_listed()):
            raise BadParams(
                f"Choose models of the lists: they show what lies in {setting('SDPLAY_MODELS')}."
            )
        names = ("model", "device", "dtype", "depth", "tile")
        launch = Launch(**{name: state[f"local_{name}"] for name in names})
        OURS.start(launch, Local().wire.address)


def _is_listed() -> bool:
    state = st.session_state
    return state["local_model"] in offered() and state["local_depth"] in ("", *depth_models())


@whole.fragment(every=LOOK_SECONDS)
def _watch() -> None:
    """Watches the process. Once it is ready nothing is drawn, but a crash is still noticed."""
    if OURS.state == "ready":
        _notice()
        return
    report = Local().probe()
    if (
        report.status == "down" and report.version
    ):  # it answers, and says that its model cannot be loaded
        OURS.stop(report.message)
    _notice()
    with st.container(border=True, gap="small", key="local_card"):
        st.markdown(f":material/hourglass_top: {literal(report.message)}")
        _facts()


@whole.fragment(every=LOOK_SECONDS)
def _live() -> None:
    _facts()


def _facts() -> None:
    launch = OURS.launch
    gpu = Local().graphics_memory() if OURS.state == "ready" else None
    parts = [_named(launch.model), launch.device.upper(), launch.dtype, size(OURS.memory())]
    if gpu:
        parts.append(f"{size(gpu[0])} of {size(gpu[1])} on the card")
    st.caption(" · ".join(literal(part) for part in parts if part))
    _log()
    st.button("Stop", icon=":material/stop_circle:", key="local_stop", on_click=_stop)


def _stop() -> None:
    OURS.stop()
    whole.due()


def _log() -> None:
    st.code(OURS.log(LOG_LINES) or "…", language=None)


def _how_to_install() -> None:
    st.markdown(
        "The local process needs torch and diffusers, which this page's Python does not have: run "
        "this in the folder "
        "of the page, then reload it."
    )
    st.code(INSTALL, language="bash", wrap_lines=True)


def _named(source: str) -> str:
    if source == BUILTIN:
        return "Built-in model's weights"
    path = Path(source)
    return path.name if path.exists() else source
