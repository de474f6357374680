"""The form. Each control is drawn from its knob, and each value is in the address, so a link holds
the whole form."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import streamlit as st

from sdplay.backends import NOT_CONNECTED, Capabilities
from sdplay.errors import BadParams
from sdplay.knob import Knob
from sdplay.params import KNOBS, Params, random_seed
from sdplay.prompting import Written, is_template
from sdplay.schedulers import PRESETS, SCHEDULERS, Scheduler, find, scheduler_label
from sdplay.settings import setting
from sdplay.ui import address, notes, session, whole
from sdplay.ui.form import controlnet, fitting, ideas, lens, start_image
from sdplay.ui.form.controls import (
    LARGEST_IN_A_BROWSER,
    bound,
    bounded,
    current,
    default,
    draw,
    first_of,
    in_form,
    model_input,
    typed,
    written,
)
from sdplay.ui.share import linked
from sdplay.wording import literal

DOTS = {
    "ready": "green",
    "busy": "orange",
    "starting": "orange",
    "unauthorised": "red",
    "down": "red",
}
GROUPS = {
    "variation": ("Variation", ":material/shuffle:"),
    "sampler": ("More settings", ":material/tune:"),
    "hires": ("Hires fix", ":material/high_quality:"),
    "refiner": ("Refiner", ":material/layers:"),
    "raw": ("Raw payload fields", ":material/data_object:"),
}
FITTED = ("width", "height", "cfg")
"""Settings that suit one backend or model but not the next."""
FOLLOWING = (*FITTED, "negative")
"""Settings that begin with the backend's own value until somebody changes them."""
PROMPTS = {"prompt": "Describe a picture", "negative": "What to avoid"}
ELSEWHERE = ("prompt", "negative", "width", "height")
"""Main settings with a place of their own in the form."""


def pick_backend() -> str:
    """Asks where pictures are made."""
    names = session.labels()
    if not _is_there(st.session_state.get("backend", "")):
        del st.session_state["backend"]  # a server that was connected, and forgotten since
        notes.add(NOT_CONNECTED)
    preferred = setting("SDPLAY_BACKEND")
    chosen = st.selectbox(
        "Backend",
        list(names),
        **linked.bound("backend"),
        index=list(names).index(preferred) if preferred in names else 0,
        format_func=lambda name: names[name],
        on_change=fit_to_backend,
        help="Where pictures are made. Everything below is what this backend offers.",
    )
    return str(chosen)


def _is_there(name: str) -> bool:
    return name in ("", *session.labels())


def health(name: str, capabilities: Capabilities) -> None:
    """A dot and a sentence about the backend, with a button to ask again if the answer can
    change."""
    with st.container(gap="xxsmall"):
        st.caption(
            f":{DOTS[capabilities.status]}[●] "
            f"{capabilities.message or capabilities.status.capitalize()}"
        )
        if name != "builtin" or capabilities.status != "ready":
            st.button(
                "Check again",
                icon=":material/refresh:",
                type="tertiary",
                key="check",
                on_click=session.ask_again,
                help="Ask the backend again what it can do.",
            )


def settings(capabilities: Capabilities) -> None:
    """The controls of the sidebar: the main ones, then each further group in an expander."""
    _follow(capabilities)
    if "extra_next" in st.session_state:
        st.session_state["extra"] = st.session_state.pop("extra_next")
    if capabilities.offers("scheduler"):
        _presets(capabilities)
    lens.take_over()
    lens.switch()
    for knob in _offered("main", capabilities):
        SPECIAL.get(knob.name, draw)(knob, capabilities)
        lens.strip(knob, capabilities, asked)
    if capabilities.offers("size"):
        _size(capabilities)
    if capabilities.offers("img2img"):
        with st.expander("Start image", icon=":material/image:", key="fold_start"):
            start_image.choose(capabilities)
            lens.strip(KNOBS["strength"], capabilities, asked)
    if capabilities.offers("controlnet"):
        with st.expander(KNOBS["control"].label, icon=":material/polyline:", key="fold_control"):
            controlnet.choose(capabilities)
    elif "controlnet" in capabilities.hints:
        with st.expander(KNOBS["control"].label, icon=":material/polyline:", key="fold_control"):
            st.caption(capabilities.hints["controlnet"])
    for group, (title, icon) in GROUPS.items():
        if knobs := _offered(group, capabilities):
            with st.expander(title, icon=icon, key=f"fold_{group}"):
                for knob in knobs:
                    draw(knob, capabilities)
    if capabilities.inputs:
        with st.expander("This model's inputs", icon=":material/input:", key="fold_inputs"):
            for entry in capabilities.inputs:
                model_input(entry)


def prompts(capabilities: Capabilities) -> None:
    """The prompt and the negative prompt, and below them what is sent if that differs."""
    fields = _prompts_of(capabilities)
    for name, column in zip(fields, st.columns([2, 1][: len(fields)]), strict=True):
        knob = KNOBS[name]
        column.text_area(
            knob.label,
            default(knob, capabilities),
            key=name,
            height=68,
            help=knob.help,
            placeholder=PROMPTS[name],
            **bound(),
        )
    ideas.preview(_written(capabilities), current("seed", capabilities), capabilities)
    if "negative" in fields:
        lens.strip(KNOBS["negative"], capabilities, asked)


def words(capabilities: Capabilities) -> None:
    """Help for the prompt: words that the model knows, ideas for any model, or a random prompt."""
    if capabilities.chips:
        _chips(capabilities)
    ideas.menu(capabilities)
    if "Things" in capabilities.chips or ideas.can_surprise():
        st.button(
            "Surprise me",
            icon=":material/casino:",
            type="tertiary",
            key="surprise",
            on_click=_surprise,
            args=(capabilities,),
            help="A random prompt, of words this model knows where it knows few.",
        )


def _chips(capabilities: Capabilities) -> None:
    with st.popover("Words it knows", icon=":material/add:", type="tertiary"):
        for group, words in capabilities.chips.items():
            st.pills(group, words, key=f"word_{group}", on_change=_add_word, args=(group,))


def asked(capabilities: Capabilities, seed: int | None = None) -> Params:
    """The form as Params, with this seed if one is given. A value out of range raises an error with
    a clear sentence."""
    state = st.session_state
    values = {
        name: value
        for name, knob in KNOBS.items()
        if knob.is_plain
        and capabilities.offers(knob.needs)
        and (value := state.get(name)) is not None
    }
    for name in PROMPTS:
        if capabilities.offers(KNOBS[name].needs) and not address.bound(name):
            values[name] = current(name, capabilities)  # its control is on another tab
    values |= {} if seed is None else {"seed": seed}
    values |= _sent(values, capabilities)
    for name, value in values.items():
        if KNOBS[name].is_number and (why := fitting.misfit(KNOBS[name], value, capabilities)):
            raise BadParams(why)
    frame = frame_of(capabilities)
    if capabilities.offers("img2img"):
        values["init"] = start_image.framed("init", frame)
    if capabilities.offers("inpaint") and values.get("init"):
        values["mask"] = start_image.framed("mask", frame)
    if capabilities.offers("controlnet"):
        values["control"] = state.get("control_units", ())
    if own := _own_inputs(capabilities):
        values["extra"] = json.dumps(
            {**own, **Params(extra=values.get("extra", "")).extra_fields()}
        )
    return Params(**values)


def drawing(seed: int, capabilities: Capabilities) -> Callable[[Params], Params]:
    """Returns a function that puts into settings the prompts that are sent: the words of lists are
    drawn by this seed, and words in brackets become negative.

    Each prompt is worked out only once, because the cells of a large plan share theirs.
    """
    names = _prompts_of(capabilities)

    @cache
    def ready(*texts: str) -> dict[str, str]:
        written = dict(zip(names, texts, strict=True))
        sent = ideas.sent(Written(**written), seed, capabilities)
        return {name: getattr(sent, name) for name in names if getattr(sent, name) != written[name]}

    def drawn(params: Params) -> Params:
        changed = ready(*(getattr(params, name) for name in names))
        return params.with_(**changed) if changed else params

    return drawn


def draws_words(capabilities: Capabilities) -> bool:
    """Whether a prompt of the form draws words from a list, different ones for each seed."""
    written = _written(capabilities)
    return is_template(written.prompt) or is_template(written.negative)


def frame_of(capabilities: Capabilities) -> tuple[int, int]:
    """Width and height of the next picture, as the form has them."""
    width, height = (int(current(name, capabilities)) for name in ("width", "height"))
    return width, height


def as_written(params: Params, capabilities: Capabilities) -> dict[str, str]:
    """The prompts as they were typed, if others are sent with these settings."""
    texts = {"prompt": params.prompt, "negative": params.negative}
    return ideas.differences(_written(capabilities), texts)


def _written(capabilities: Capabilities) -> Written:
    return Written(**{name: current(name, capabilities) for name in _prompts_of(capabilities)})


def _prompts_of(capabilities: Capabilities) -> list[str]:
    return [name for name in PROMPTS if capabilities.offers(KNOBS[name].needs)]


def _sent(values: Mapping[str, Any], capabilities: Capabilities) -> dict[str, str]:
    """The prompts as the backend gets them."""
    texts = {name: values.get(name, "") for name in _prompts_of(capabilities)}
    ready = ideas.sent(Written(**texts), int(values.get("seed", 0)), capabilities)
    return {name: getattr(ready, name) for name in texts}


def use(params: Params, source: str = "the picture") -> None:
    """Puts a picture's settings into the form, and says which do not fit. Call it from a
    callback."""
    whole.due()
    capabilities = session.reached(_backend())[1]
    values, sentences = fitting.fitted(params, capabilities, source)
    _put(values, capabilities)
    notes.say(*sentences)
    start_image.hold(params.init, params.mask)
    controlnet.hold(params.control)


def use_one(params: Params, names: Sequence[str]) -> None:
    """Puts only these settings of a picture into the form. Call it from a callback."""
    whole.due()
    capabilities = session.reached(_backend())[1]
    recalled = {name: getattr(params, name) for name in names}
    changed = asked(capabilities).with_(**recalled)
    values, sentences = fitting.fitted(changed, capabilities, "the picture")
    _put({name: values[name] for name in names}, capabilities)
    notes.say(*sentences)


def restore(params: Params) -> None:
    """Begins with exactly these settings. Call it before any control is drawn."""
    values = {
        name: in_form(knob, getattr(params, name)) for name, knob in KNOBS.items() if knob.is_plain
    }
    st.session_state.update(values, style_names=_names(params.styles))
    start_image.hold(params.init, params.mask)
    controlnet.hold(params.control)


def use_prompt(params: Params) -> None:
    """Puts only a picture's prompts into the form. Call it from a callback."""
    whole.due()
    capabilities = session.reached(_backend())[1]
    _put({name: getattr(params, name) for name in PROMPTS}, capabilities)


def _backend() -> str:
    """The chosen backend, also in a callback."""
    return str(st.session_state["backend"])


def _put(values: Mapping[str, Any], capabilities: Capabilities) -> None:
    """Puts values into controls and address at once, so that the browser's back button undoes all
    of them in one step."""
    texts: dict[str, address.Text | None] = {
        name: None if value == first_of(KNOBS[name], capabilities) else written(KNOBS[name], value)
        for name, value in values.items()
    }
    address.insist(values)
    if "styles" in values:
        st.session_state["style_names"] = texts["style_names"] = _names(values["styles"])
        texts["styles"] = None
    address.rewrite(texts)


def _names(styles: str) -> list[str]:
    return [name for name in styles.split("|") if name]


def lay_over(fields: Mapping[str, Any]) -> None:
    """Sets fields that replace those of the request from the next run on, because in this one their
    control is drawn already."""
    whole.due()
    st.session_state["extra_next"] = json.dumps(fields, ensure_ascii=False) if fields else ""


def _offered(group: str, capabilities: Capabilities) -> list[Knob]:
    return [
        knob
        for knob in KNOBS.values()
        if knob.group == group
        and capabilities.offers(knob.needs)
        and knob.name not in ELSEWHERE
        and (knob.name != "model" or capabilities.models)
    ]


def fit_to_backend() -> None:
    """Called for another backend: sets sizes and CFG that suit it, and fits the other values."""
    state = st.session_state
    if not _is_there(state["backend"]):
        return  # a page that was open while the server began anew holds an older name
    capabilities = session.reached(_backend())[1]
    values = {name: first_of(KNOBS[name], capabilities) for name in FITTED}
    if state.get("negative") == state.get("fitted", ("", {}))[1].get("negative"):
        values["negative"] = first_of(KNOBS["negative"], capabilities)
    for name in {*capabilities.limits, "scheduler"} - {*FITTED}:
        if name in st.session_state:
            text = written(KNOBS[name], st.session_state[name])
            values[name] = fitting.fit(KNOBS[name], text, capabilities).value
    _put(values, capabilities)
    notes.say()


def _follow(capabilities: Capabilities) -> None:
    """Gives settings that nobody changed the backend's own values, which a starting backend reports
    late."""
    state = st.session_state
    now = {name: default(KNOBS[name], capabilities) for name in FOLLOWING}
    backend, before = state.get("fitted", ("", now))
    for name in FOLLOWING if backend == state.get("backend") else ():
        if state.get(name) == before[name] != now[name]:
            state[name] = now[name]
    state["fitted"] = state.get("backend"), now


def _presets(capabilities: Capabilities) -> None:
    """Good pairs of scheduler and steps. Nothing else changes."""
    labels = {
        f"{scheduler_label(scheduler)} · {steps}": (scheduler, steps)
        for scheduler, steps in PRESETS
        if scheduler in (capabilities.schedulers or SCHEDULERS)
    }

    def choose() -> None:
        scheduler, steps = labels[st.session_state["preset"]]
        st.session_state["preset"] = None
        _put({"scheduler": scheduler, "steps": steps}, capabilities)

    st.pills(
        "Known good",
        list(labels),
        key="preset",
        on_change=choose,
        help="Scheduler and steps that work well together. Nothing else changes.",
    )


def _scheduler(knob: Knob, capabilities: Capabilities) -> None:
    """The list of schedulers, and in an expander what the chosen one is and where to read about
    it."""
    choices = list(capabilities.schedulers or SCHEDULERS)
    initial = next(
        choice
        for choice in (capabilities.defaults.get(knob.name), knob.default, choices[0])
        if choice in choices
    )
    if (now := _scheduler_now(initial)) not in choices:
        if capabilities.schedulers is None:  # nobody says that it has it not
            choices.append(now)
        else:
            st.session_state["scheduler"] = initial
    with st.container(gap="xxsmall"):
        name = st.selectbox(
            knob.label,
            choices,
            index=choices.index(initial),
            **linked.bound("scheduler"),
            help=knob.help,
            format_func=scheduler_label,
        )
        if entry := find(str(name)):
            with st.expander("What it does", key="fold_scheduler", type="compact"):
                st.caption(f"{entry.about} {_sources(entry)}")


def _sources(entry: Scheduler) -> str:
    """Links to descriptions of the scheduler. Two links to the same page are shown once."""
    by_url = {source.url: source.title for source in reversed(entry.sources)}
    links = [f"[{title}]({url})" for url, title in reversed(by_url.items())]
    return f"Read: {' · '.join(links)}."


def _scheduler_now(initial: str) -> str:
    """The chosen scheduler, also if only the address names it."""
    linked = st.query_params.get("scheduler", "")
    if address.arrived() or not address.bound("scheduler"):
        entry = find(linked)
        return entry.id if entry else linked or initial
    return str(st.session_state.get("scheduler", initial))


def _seed(knob: Knob, capabilities: Capabilities) -> None:
    """The seed and the button for a random one."""

    def roll() -> None:
        largest = int(bounded(knob, capabilities).high or LARGEST_IN_A_BROWSER)
        st.session_state["seed"] = random_seed() % (largest + 1)

    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        typed(knob, capabilities)
        st.button(
            "New random seed",
            icon=":material/casino:",
            help="A new random seed",
            on_click=roll,
            key="dice",
        )


def _size(capabilities: Capabilities) -> None:
    """Buttons for common sizes, and two fields for any other."""
    state = st.session_state

    def choose() -> None:
        if state["shape"]:
            _put(dict(zip(("width", "height"), state["shape"], strict=True)), capabilities)

    now = (current("width", capabilities), current("height", capabilities))
    state["shape"] = now if now in capabilities.sizes else None
    st.pills(
        "Size",
        capabilities.sizes,
        key="shape",
        on_change=choose,
        format_func=_shape,
        help="Pixels across and down. These suit the model; others can be typed below.",
    )
    for column, name in zip(
        st.columns(2, gap="xsmall", wrap=False), ("width", "height"), strict=True
    ):
        with column:
            typed(KNOBS[name], capabilities, on_change="rerun")
    for name in ("width", "height"):
        lens.strip(KNOBS[name], capabilities, asked)
    for name in ("width", "height"):
        if why := fitting.misfit(KNOBS[name], current(name, capabilities), capabilities):
            st.caption(f":orange[:material/info:] {literal(why)}")


def _shape(size: tuple[int, int]) -> str:
    width, height = size
    if width == height:
        return f":material/crop_square: {width}"
    return f":material/crop_{'landscape' if width > height else 'portrait'}: {width}×{height}"


def _add_word(group: str) -> None:
    """Adds a word in the way the built-in model was trained: "a thing, some style on a colour
    background". A LoRA is added as a tag."""
    state = st.session_state
    word, prompt = state[f"word_{group}"], state.get("prompt", "").strip().rstrip(",")
    state[f"word_{group}"] = None
    if word:
        phrase = {"Colours": f"on a {word} background", "LoRA": f"<lora:{word}:1>"}.get(group, word)
        joined = {"Things": " and ", "Colours": " ", "LoRA": " "}.get(group, ", ")
        state["prompt"] = f"{prompt}{joined}{phrase}" if prompt else phrase


def _surprise(capabilities: Capabilities) -> None:
    if "Things" not in capabilities.chips:
        ideas.surprise()
        return
    st.session_state["prompt"] = ""
    for group in capabilities.chips:
        st.session_state[f"word_{group}"] = random.choice(capabilities.chips[group])
        _add_word(group)


def stands_in_controls(capabilities: Capabilities) -> bool:
    """Whether every setting is the value of a control, so that asked() is right before the form is
    drawn. Pictures and lists are computed while it is drawn."""
    state = st.session_state
    several = (KNOBS[name] for name in KNOBS if KNOBS[name].several)
    return not (
        any(capabilities.choices(knob) for knob in several)
        or state.get("init_bytes", b"") != b""
        or state.get("control_units")
        or "extra_next" in state
    )


def _own_inputs(capabilities: Capabilities) -> dict[str, Any]:
    """The model's own inputs that were changed."""
    changed = {}
    for entry in capabilities.inputs:
        value, initial = st.session_state.get(f"own_{entry['name']}"), entry.get("default")
        if value not in (None, initial) and (value or initial):
            changed[entry["name"]] = value
    return changed


SPECIAL: dict[str, Callable[[Knob, Capabilities], None]] = {"scheduler": _scheduler, "seed": _seed}
