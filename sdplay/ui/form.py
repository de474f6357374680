"""The form.  Each control is drawn from its knob; each value lives in the URL, so a link is the whole form."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.backends.fence import fetch_public
from sdplay.params import KNOBS, Knob, Params, random_seed
from sdplay.schedulers import PRESETS, SCHEDULERS, find
from sdplay.ui import session
from sdplay.ui.problems import explained

LARGEST_IN_A_BROWSER = 2**53 - 1
DOTS = {"ready": "green", "busy": "orange", "starting": "orange", "unauthorised": "red", "down": "red"}
GROUPS = {"variation": "Variation", "hires": "Hires fix", "refiner": "Refiner", "sampler": "More"}
SIDEBAR = ("scheduler", "steps", "cfg", "seed")
EXAMPLES = ("a red apple, 3d style", "a cat on a blue background", "octopus and chess pawn", "a rocket, flat style")


def pick_backend() -> str:
    """The backend and its health."""
    names = session.labels()
    chosen = st.selectbox("Backend", list(names), key="backend", bind="query-params",
                          index=_default_backend(list(names)), format_func=lambda name: names[name],
                          on_change=_fit_to_backend, help="Where pictures are made.")  # fmt: skip
    return str(chosen)


def health(capabilities: Capabilities) -> None:
    """One line: a dot and a sentence; a way to ask again when it is not ready."""
    st.caption(f":{DOTS[capabilities.status]}[●] {capabilities.message or capabilities.status.capitalize()}")
    if capabilities.status != "ready":
        st.button("Check again", icon=":material/refresh:", type="tertiary", on_click=session.probed.clear)


def settings(capabilities: Capabilities) -> None:
    """The sidebar's controls."""
    _presets()
    _scheduler(capabilities)
    for name in ("steps", "cfg"):
        _number(KNOBS[name], capabilities)
    _seed()
    if capabilities.offers("size"):
        _size(capabilities)
    if capabilities.models:
        _choice(KNOBS["model"], capabilities.models)
    if capabilities.offers("img2img"):
        with st.expander("Start image", icon=":material/image:"):
            start_image(capabilities)
    for group, title in GROUPS.items():
        knobs = [knob for knob in KNOBS.values() if knob.group == group and capabilities.offers(knob.needs)]
        if knobs:
            with st.expander(title):
                for knob in knobs:
                    _any(knob, capabilities)


def prompts(capabilities: Capabilities) -> None:
    """The prompt and what to keep away from."""
    default = EXAMPLES[0]
    st.text_area("Prompt", default, key="prompt", bind="query-params", on_change="ignore", height=78,
                 placeholder="Describe a picture", help=KNOBS["prompt"].help)  # fmt: skip
    if capabilities.offers("negative"):
        st.text_input("Negative prompt", key="negative", bind="query-params", on_change="ignore",
                      placeholder="What to keep away from", help=KNOBS["negative"].help)  # fmt: skip


def asked(capabilities: Capabilities) -> Params:
    """The form as Params; a sentence when a value is out of range."""
    state = st.session_state
    values = {name: state[name] for name, knob in KNOBS.items()
              if name in state and state[name] is not None and knob.kind in (str, int, float)
              and capabilities.offers(knob.needs)}  # fmt: skip
    for name in ("init", "mask"):
        values[name] = state.get(f"{name}_bytes", b"")
    values["extra"] = state.get("extra_json", "")
    return Params(**values)


def use(params: Params) -> None:
    """Put a picture's settings into the form; call it from a callback."""
    for name, knob in KNOBS.items():
        if knob.kind in (str, int, float) and name != "extra":
            st.session_state[name] = getattr(params, name)
    st.session_state["init_bytes"] = params.init
    st.session_state["extra_json"] = params.extra


def start_image(capabilities: Capabilities) -> None:
    """Upload or address, how much it may change, and where."""
    given = st.file_uploader("Start image", ["png", "jpg", "jpeg", "webp"], key="init_file", max_upload_size=20,
                             help=KNOBS["init"].help)  # fmt: skip
    address = st.text_input("or its address", key="init_url", placeholder="https://…")
    st.session_state["init_bytes"] = given.getvalue() if given else b""
    if address and not given:
        with explained():
            st.session_state["init_bytes"] = _fetched(address)
    if st.session_state["init_bytes"]:
        st.image(st.session_state["init_bytes"], width=120, alt="Start image")
    _number(KNOBS["strength"], capabilities)
    if capabilities.offers("inpaint"):
        mask = st.file_uploader("Mask", ["png", "jpg", "webp"], key="mask_file", help=KNOBS["mask"].help)
        st.session_state["mask_bytes"] = mask.getvalue() if mask else b""


@st.cache_data(show_spinner="Fetching the picture", ttl=600, max_entries=20)
def _fetched(address: str) -> bytes:
    return fetch_public(address)


def _default_backend(names: list[str]) -> int:
    from sdplay.settings import setting

    wanted = setting("SDPLAY_BACKEND")
    return names.index(wanted) if wanted in names else 0


def _fit_to_backend() -> None:
    """Another backend: sizes and CFG that suit it, and a scheduler it has."""
    told = session.probed(st.session_state.backend)
    for name in ("width", "height", "cfg"):
        st.session_state[name] = told.defaults.get(name, KNOBS[name].default)
    if told.schedulers and st.session_state.get("scheduler") not in told.schedulers:
        st.session_state["scheduler"] = told.schedulers[0]


def _presets() -> None:
    """Known good pairs; nothing but scheduler and steps changes."""
    labels = {f"{SCHEDULERS[scheduler].label} · {steps}": (scheduler, steps) for scheduler, steps in PRESETS}

    def choose() -> None:
        scheduler, steps = labels[st.session_state["preset"]]
        st.session_state.update(scheduler=scheduler, steps=steps, preset=None)

    st.pills("Known good", list(labels), key="preset", on_change=choose,
             help="Scheduler and steps that work well together. Nothing else changes.")  # fmt: skip


def _scheduler(capabilities: Capabilities) -> None:
    knob, choices = KNOBS["scheduler"], list(capabilities.schedulers or SCHEDULERS)
    wanted = knob.default if knob.default in choices else choices[0]
    if st.session_state.get("scheduler", wanted) not in choices:
        st.session_state["scheduler"] = wanted
    name = st.selectbox(knob.label, choices, index=choices.index(wanted), key="scheduler", bind="query-params",
                        help=knob.help,
                        format_func=lambda id: SCHEDULERS[id].label if id in SCHEDULERS else id)  # fmt: skip
    entry = find(str(name))
    if entry:
        st.caption(entry.about)


def _number(knob: Knob, capabilities: Capabilities) -> None:
    """A slider over the usual range; it stretches when a link brings more."""
    kind: Callable[[Any], Any] = knob.kind
    low, high = knob.usual or (knob.low or 0, knob.high or 1)
    default = kind(capabilities.defaults.get(knob.name, knob.default))
    linked = st.query_params.get(knob.name, "")
    now = st.session_state.get(knob.name, default)
    if linked.replace(".", "", 1).isdigit():
        now = max(now, min(float(linked), knob.high or high))
    high = max(high, now)
    st.slider(knob.label, kind(low), kind(high), default, kind(knob.step or 1), key=knob.name, bind="query-params",
              on_change="ignore", help=knob.help)  # fmt: skip


def _integer(knob: Knob, capabilities: Capabilities) -> None:
    default = capabilities.defaults.get(knob.name, knob.default)
    top = min(int(knob.high or 0), LARGEST_IN_A_BROWSER)
    step = capabilities.size_step if knob.name in ("width", "height") else int(knob.step or 1)
    st.number_input(knob.label, int(knob.low or 0), top, int(default), step, key=knob.name, bind="query-params",
                    on_change="ignore", help=knob.help)  # fmt: skip


def _seed() -> None:
    def roll() -> None:
        st.session_state["seed"] = random_seed()

    knob = KNOBS["seed"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        st.number_input(knob.label, 0, LARGEST_IN_A_BROWSER, 7, key="seed", bind="query-params", on_change="ignore",
                        help=knob.help, width="stretch")  # fmt: skip
        st.button("", icon=":material/casino:", help="A new random seed", on_click=roll, key="dice")


def _size(capabilities: Capabilities) -> None:
    def choose(width: int, height: int) -> None:
        st.session_state.update(width=width, height=height)

    with st.container(horizontal=True, gap="xsmall", vertical_alignment="bottom"):
        for name in ("width", "height"):
            with st.container(width="stretch"):
                _integer(KNOBS[name], capabilities)
        with st.popover("", icon=":material/aspect_ratio:", help="Common sizes"):
            for width, height in capabilities.sizes:
                st.button(f"{width} × {height}", key=f"size_{width}_{height}", type="tertiary", on_click=choose,
                          args=(width, height))  # fmt: skip


def _choice(knob: Knob, choices: tuple[str, ...]) -> None:
    st.selectbox(knob.label, ["", *choices], key=knob.name, bind="query-params", on_change="ignore", help=knob.help,
                 format_func=lambda name: name or "As loaded")  # fmt: skip


def _any(knob: Knob, capabilities: Capabilities) -> None:
    """Whatever control fits the knob."""
    listed = {"hires_upscaler": capabilities.upscalers, "refiner": capabilities.models}.get(knob.name)
    if listed:
        _choice(knob, listed)
    elif knob.kind is str:
        st.text_input(knob.label, knob.default, key=knob.name, bind="query-params", on_change="ignore", help=knob.help)
    elif knob.kind is float or (knob.high or 0) <= 200:
        _number(knob, capabilities)
    else:
        _integer(knob, capabilities)
