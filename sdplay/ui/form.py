"""The form.  Each control is drawn from its knob; each value lives in the URL, so a link is the whole form."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.backends.fence import fetch_public
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Knob, Params, random_seed
from sdplay.picture import size_of
from sdplay.schedulers import PRESETS, SCHEDULERS, find
from sdplay.settings import setting
from sdplay.ui import session
from sdplay.ui.problems import explained

LARGEST_IN_A_BROWSER = 2**53 - 1
DOTS = {"ready": "green", "busy": "orange", "starting": "orange", "unauthorised": "red", "down": "red"}
GROUPS = {
    "variation": ("Variation", ":material/shuffle:"),
    "sampler": ("More settings", ":material/tune:"),
    "hires": ("Hires fix", ":material/high_quality:"),
    "refiner": ("Refiner", ":material/layers:"),
    "raw": ("Raw payload fields", ":material/data_object:"),
}
FIRST = {"prompt": "a red apple, 3d style", "seed": 7}
"""What a first visitor finds filled in."""
BOUND: dict[str, Any] = {"bind": "query-params", "on_change": "ignore"}
"""In the link, and no rerun while a person is still setting things."""


def pick_backend() -> str:
    """Where pictures are made."""
    names = session.labels()
    wanted = setting("SDPLAY_BACKEND")
    chosen = st.selectbox("Backend", list(names), key="backend", bind="query-params",
                          index=list(names).index(wanted) if wanted in names else 0,
                          format_func=lambda name: names[name], on_change=_fit_to_backend,
                          help="Where pictures are made. Every setting below is what this backend offers.")  # fmt: skip
    return str(chosen)


def health(capabilities: Capabilities, remote: bool) -> None:
    """A dot and a sentence; a way to ask again where the answer can change."""
    with st.container(gap="xxsmall"):
        st.caption(f":{DOTS[capabilities.status]}[●] {capabilities.message or capabilities.status.capitalize()}")
        if remote or capabilities.status != "ready":
            st.button("Check again", icon=":material/refresh:", type="tertiary", key="check",
                      on_click=session.probed.clear, help="Ask the backend again what it can do.")  # fmt: skip


def settings(capabilities: Capabilities) -> None:
    """The sidebar's controls: the everyday ones, then each further group in a fold."""
    _presets(capabilities)
    for knob in _offered("main", capabilities):
        if knob.name not in ("prompt", "negative", "width", "height"):
            SPECIAL.get(knob.name, draw)(knob, capabilities)
    if capabilities.offers("size"):
        _size(capabilities)
    if capabilities.offers("img2img"):
        with st.expander("Start image", icon=":material/image:", key="fold_start"):
            _start_image(capabilities)
    for group, (title, icon) in GROUPS.items():
        if knobs := _offered(group, capabilities):
            with st.expander(title, icon=icon, key=f"fold_{group}"):
                for knob in knobs:
                    draw(knob, capabilities)
    if capabilities.inputs:
        with st.expander("This model's inputs", icon=":material/input:", key="fold_inputs"):
            for entry in capabilities.inputs:
                _model_input(entry)


def prompts(capabilities: Capabilities) -> None:
    """The prompt and what to keep away from."""
    st.text_area("Prompt", _default(KNOBS["prompt"], capabilities), key="prompt", height=78,
                 placeholder="Describe a picture", help=KNOBS["prompt"].help, **BOUND)  # fmt: skip
    if capabilities.offers("negative"):
        st.text_input("Negative prompt", _default(KNOBS["negative"], capabilities), key="negative",
                      placeholder="What to keep away from", help=KNOBS["negative"].help, **BOUND)  # fmt: skip


def words(capabilities: Capabilities) -> None:
    """Words the model knows: a click adds one to the prompt."""
    if capabilities.chips:
        with st.popover("Words it knows", icon=":material/add:", type="tertiary"):
            for group, known in capabilities.chips.items():
                st.pills(group, known, key=f"word_{group}", on_change=_add_word, args=(group,))


def draw(knob: Knob, capabilities: Capabilities) -> None:
    """Whatever control fits the knob."""
    choices = {"hires_upscaler": capabilities.upscalers, "refiner": capabilities.models,
               "model": capabilities.models}.get(knob.name)  # fmt: skip
    if choices:
        first = [] if knob.default in choices else [knob.default]
        st.selectbox(knob.label, [*first, *choices], key=knob.name, help=knob.help,
                     format_func=lambda name: name or "As the backend has it", **BOUND)  # fmt: skip
    elif knob.name == "styles" and capabilities.styles:
        chosen = st.pills(knob.label, capabilities.styles, selection_mode="multi", key="style_names", help=knob.help)
        st.session_state[knob.name] = "|".join(chosen)
    elif knob.group == "raw":
        st.text_area(knob.label, key=knob.name, help=knob.help, height=96, placeholder='{"tiling": true}', **BOUND)
    elif knob.kind is str:
        st.text_input(knob.label, _default(knob, capabilities), key=knob.name, help=knob.help, **BOUND)
    elif knob.kind is float or (knob.high or 0) <= 500:
        _slider(knob, capabilities)
    else:
        _typed(knob, capabilities)


def asked(capabilities: Capabilities) -> Params:
    """The form as Params; a sentence when a value is out of range."""
    state = st.session_state
    values = {name: state[name] for name, knob in KNOBS.items()
              if name in state and state[name] is not None and knob.kind in (str, int, float)
              and capabilities.offers(knob.needs)}  # fmt: skip
    if capabilities.offers("img2img"):
        values["init"] = state.get("init_bytes", b"")
    if capabilities.offers("inpaint") and values.get("init"):
        values["mask"] = state.get("mask_bytes", b"")
    if own := _own_inputs(capabilities):
        values["extra"] = json.dumps({**own, **Params(extra=values.get("extra", "")).extra_fields()})
    return Params(**values)


def use(params: Params) -> None:
    """Put a picture's settings into the form; call it from a callback."""
    state = st.session_state
    for name, knob in KNOBS.items():
        if knob.kind in (str, int, float):
            state[name] = getattr(params, name)
    state["style_names"] = params.styles.split("|") if params.styles else []
    for name in ("seed", "variation_seed"):
        if state[name] > LARGEST_IN_A_BROWSER:
            state[name] %= LARGEST_IN_A_BROWSER
            st.toast(f"{KNOBS[name].label} {getattr(params, name)} is too large for a browser and was made smaller.")
    hold_start_image(params.init)


def hold_start_image(data: bytes) -> None:
    """Start from these bytes until another picture is given; empty takes it away.  Call it from a callback."""
    state = st.session_state
    state["init_held"] = data
    state["init_url"] = ""
    state["init_round"] = state.get("init_round", 0) + 1


def lay_over(fields: Mapping[str, Any]) -> None:
    """Put fields over the payload; call it from a callback."""
    st.session_state["extra"] = json.dumps(fields, ensure_ascii=False) if fields else ""


def link(capabilities: Capabilities, backend: str) -> str:
    """The address of this page with every setting written out, so that nothing depends on defaults."""
    params = asked(capabilities)
    told = {"backend": session.labels()[backend], **params.asked()}
    told["scheduler"] = _scheduler_label(params.scheduler)
    if address := st.session_state.get("init_url", ""):
        told["init_url"] = address
    values = {name: value for name, value in told.items() if name not in ("init", "mask", "control")}
    return f"{(st.context.url or '').split('?')[0]}?{urlencode(values)}"


def _offered(group: str, capabilities: Capabilities) -> list[Knob]:
    return [knob for knob in KNOBS.values() if knob.group == group and capabilities.offers(knob.needs)
            and (knob.name != "model" or capabilities.models)]  # fmt: skip


def _default(knob: Knob, capabilities: Capabilities) -> Any:
    return knob.kind(capabilities.defaults.get(knob.name, FIRST.get(knob.name, knob.default)))


def _fit_to_backend() -> None:
    """Another backend: sizes and CFG that suit it, and a scheduler it has."""
    told = session.probed(st.session_state.backend)
    for name in ("width", "height", "cfg"):
        st.session_state[name] = _default(KNOBS[name], told)
    if told.schedulers and st.session_state.get("scheduler") not in told.schedulers:
        st.session_state["scheduler"] = told.schedulers[0]


def _presets(capabilities: Capabilities) -> None:
    """Known good pairs; nothing but scheduler and steps changes."""
    labels = {f"{SCHEDULERS[scheduler].label} · {steps}": (scheduler, steps) for scheduler, steps in PRESETS
              if scheduler in (capabilities.schedulers or SCHEDULERS)}  # fmt: skip

    def choose() -> None:
        scheduler, steps = labels[st.session_state["preset"]]
        st.session_state.update(scheduler=scheduler, steps=steps, preset=None)

    st.pills("Known good", list(labels), key="preset", on_change=choose,
             help="Scheduler and steps that work well together. Nothing else changes.")  # fmt: skip


def _scheduler(knob: Knob, capabilities: Capabilities) -> None:
    """The choice and, under it, what it is."""
    choices = list(capabilities.schedulers or SCHEDULERS)
    wanted = knob.default if knob.default in choices else choices[0]
    if st.session_state.get("scheduler", wanted) not in choices:
        st.session_state["scheduler"] = wanted
    name = st.selectbox(knob.label, choices, index=choices.index(wanted), key="scheduler", bind="query-params",
                        help=knob.help, format_func=_scheduler_label)  # fmt: skip
    if entry := find(str(name)):
        st.caption(entry.about)


def _scheduler_label(id: str) -> str:
    return SCHEDULERS[id].label if id in SCHEDULERS else id


def _slider(knob: Knob, capabilities: Capabilities) -> None:
    """A slider over the usual range; it stretches when a link or a picture brings more."""
    kind: Callable[[Any], Any] = knob.kind
    low, high = knob.usual or (knob.low or 0, knob.high or 1)
    now = st.session_state.get(knob.name, _default(knob, capabilities))
    linked = st.query_params.get(knob.name, "")
    if linked.replace(".", "", 1).isdigit():
        now = max(now, min(float(linked), knob.high or high))
    step = kind(knob.step or 1)
    form = "%d" if kind is int else "%.2f" if step < 0.1 else "%.1f"
    st.slider(knob.label, kind(low), kind(max(high, now)), _default(knob, capabilities), step, form, key=knob.name,
              help=knob.help, **BOUND)  # fmt: skip


def _typed(knob: Knob, capabilities: Capabilities, **more: Any) -> None:
    """A number to type."""
    low, high = int(knob.low or 0), min(int(knob.high or 0), LARGEST_IN_A_BROWSER)
    step = capabilities.size_step if knob.name in ("width", "height") else int(knob.step or 1)
    st.number_input(knob.label, low, high, _default(knob, capabilities), step, key=knob.name, help=knob.help,
                    **{**BOUND, **more})  # fmt: skip


def _seed(knob: Knob, capabilities: Capabilities) -> None:
    """The number and the dice."""

    def roll() -> None:
        st.session_state["seed"] = random_seed()

    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        _typed(knob, capabilities)
        st.button("", icon=":material/casino:", help="A new random seed", on_click=roll, key="dice")


def _size(capabilities: Capabilities) -> None:
    """Common sizes to pick, and both numbers for any other."""
    state = st.session_state

    def choose() -> None:
        if state["shape"]:
            state["width"], state["height"] = state["shape"]

    now = tuple(state.get(name, _default(KNOBS[name], capabilities)) for name in ("width", "height"))
    state["shape"] = now if now in capabilities.sizes else None
    st.pills("Size", capabilities.sizes, key="shape", on_change=choose, format_func=_shape, help="Pixels across and "
             "down. These are sizes that suit the model; other ones can be typed below.")  # fmt: skip
    for column, name in zip(st.columns(2, gap="xsmall", wrap=False), ("width", "height"), strict=True):
        with column:
            _typed(KNOBS[name], capabilities, on_change="rerun")


def _shape(size: tuple[int, int]) -> str:
    width, height = size
    if width == height:
        return f":material/crop_square: {width}"
    return f":material/crop_{'landscape' if width > height else 'portrait'}: {width} × {height}"


def _start_image(capabilities: Capabilities) -> None:
    """Upload or address, how much it may change, and where."""
    state = st.session_state
    given = st.file_uploader(KNOBS["init"].label, ["png", "jpg", "jpeg", "webp"], max_upload_size=20,
                             key=f"init_file_{state.get('init_round', 0)}", help=KNOBS["init"].help)  # fmt: skip
    address = st.text_input("or its address", key="init_url", placeholder="https://…", bind="query-params",
                            help="The picture at this address is fetched by this page.")  # fmt: skip
    state["init_bytes"] = given.getvalue() if given else b""
    if not given:
        with explained():
            state["init_bytes"] = _fetched(address) if address.strip() else state.get("init_held", b"")
    with explained():
        _start_shown(state["init_bytes"], capabilities)
    _slider(KNOBS["strength"], capabilities)
    if state["init_bytes"] and capabilities.offers("inpaint"):
        mask = st.file_uploader(KNOBS["mask"].label, ["png", "jpg", "jpeg", "webp"], key="mask_file",
                                help=KNOBS["mask"].help)  # fmt: skip
        state["mask_bytes"] = mask.getvalue() if mask else b""
        if mask and capabilities.offers("mask_blur"):
            _slider(KNOBS["mask_blur"], capabilities)


def _start_shown(data: bytes, capabilities: Capabilities) -> None:
    """The start image small, and the way to a picture of its shape."""
    if not data:
        return
    try:
        width, height = size_of(data)
    except BadParams:
        st.session_state["init_bytes"] = b""
        raise
    st.image(data, width=140, alt="Start image")
    st.button("Remove", icon=":material/close:", type="tertiary", key="init_remove", on_click=hold_start_image,
              args=(b"",))  # fmt: skip
    state = st.session_state
    now = tuple(state.get(name, _default(KNOBS[name], capabilities)) for name in ("width", "height"))
    fitting = fitted(width, height, now[0] * now[1], capabilities)
    if capabilities.offers("size") and fitting != now:
        st.caption(f"It is {width} × {height}. In a picture of {now[0]} × {now[1]} its edges are cut, never squeezed.")
        st.button(f"Make it {fitting[0]} × {fitting[1]}", icon=":material/aspect_ratio:", key="init_shape",
                  help="The start image's shape in about as many pixels as now.",
                  on_click=lambda: state.update(width=fitting[0], height=fitting[1]))  # fmt: skip


def fitted(width: int, height: int, pixels: int, capabilities: Capabilities) -> tuple[int, int]:
    """A size of that shape with about so many pixels, that the backend can make."""
    low, high = capabilities.size_limits
    scale, step = (pixels / (width * height)) ** 0.5, capabilities.size_step

    def near(side: int) -> int:
        return int(min(high, max(low, round(side * scale / step) * step)))

    return near(width), near(height)


@st.cache_data(show_spinner="Fetching the picture", ttl=600, max_entries=20)
def _fetched(address: str) -> bytes:
    return fetch_public(address.strip())


def _add_word(group: str) -> None:
    """Written the way the built-in model was taught: "a thing, some style, on a colour background"."""
    state = st.session_state
    word, prompt = state[f"word_{group}"], state.get("prompt", "").strip().rstrip(",")
    state[f"word_{group}"] = None
    if not word:
        return
    said = f"on a {word} background" if group == "Colours" else f"{word} style" if group == "Styles" else word
    joined = {"Things": " and ", "Colours": " "}.get(group, ", ")
    state["prompt"] = f"{prompt}{joined}{said}" if prompt else said


def _model_input(entry: Mapping[str, Any]) -> None:
    """One input that only this model has, read from its own schema."""
    key, label, default = f"own_{entry['name']}", entry.get("label") or entry["name"], entry.get("default")
    more = {"key": key, "help": entry.get("help") or None, **BOUND}
    kind = entry.get("type", "string")
    if choices := entry.get("choices"):
        st.selectbox(label, choices, index=choices.index(default) if default in choices else 0, **more)
    elif kind == "boolean":
        st.toggle(label, bool(default), **more)
    elif kind in ("integer", "number"):
        number = int if kind == "integer" else float
        low, high = (None if bound is None else number(bound) for bound in (entry.get("minimum"), entry.get("maximum")))
        st.number_input(label, low, high, None if default is None else number(default), **more)
    else:
        st.text_input(label, str(default or ""), **more)


def _own_inputs(capabilities: Capabilities) -> dict[str, Any]:
    """The model's own inputs that were changed."""
    state, changed = st.session_state, {}
    for entry in capabilities.inputs:
        value = state.get(f"own_{entry['name']}")
        if value is not None and value != entry.get("default") and not (value == "" and not entry.get("default")):
            changed[entry["name"]] = value
    return changed


SPECIAL: dict[str, Callable[[Knob, Capabilities], None]] = {"scheduler": _scheduler, "seed": _seed}
