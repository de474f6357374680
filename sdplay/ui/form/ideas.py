"""Ideas for a prompt, for any backend: random words, artists, styles, and what to avoid."""

import random
from collections.abc import Mapping

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.picture import WRITTEN
from sdplay.prompting import (
    Style,
    WordList,
    Written,
    ideas,
    is_template,
    placeholder,
    styles,
    word_lists,
)
from sdplay.prompting.lists import IDEAS
from sdplay.prompting.styles import joined
from sdplay.ui import address
from sdplay.ui.problems import text_of_others
from sdplay.ui.share import linked
from sdplay.wording import literal

LONGEST = 400
"""The most letters of a prompt that are repeated below its field."""
REREAD_SECONDS = 5


def menu(capabilities: Capabilities) -> None:
    """Everything that writes into the prompts with a click."""
    with st.popover(
        "Ideas",
        icon=":material/lightbulb:",
        type="tertiary",
        key="ideas",
    ):
        _draw_words(capabilities)
        _lay_style()
        if capabilities.offers("negative"):
            _avoid(capabilities)
            st.toggle(
                "[Brackets] are negative",
                **linked.bound("brackets"),
                help="`a harbour [boats, fog]` asks for a harbour without boats and fog. Off, "
                "brackets go to the backend as they stand.",
            )
        st.caption(
            "Lists of your own: text files with a word a line, and `styles.csv`, in the folder "
            "`words` of `SDPLAY_HOME`."
        )


def sent(written: Written, seed: int, capabilities: Capabilities) -> Written:
    """What the backend gets of these texts: with words drawn from lists, and brackets moved."""
    has_negative = capabilities.offers("negative")
    lists = _lists_for(capabilities)
    return written.sent(seed, lists, has_negative and _are_brackets_negative())


def preview(written: Written, seed: int, capabilities: Capabilities) -> None:
    """Shows what is sent, if it differs from the fields."""
    ready = sent(written, seed, capabilities)
    if not written.prompt.strip():
        st.caption(":orange[:material/info:] The prompt is empty: the model paints what it likes.")
    if ready != written:
        parts = [f"Sent: {text_of_others(ready.prompt, LONGEST) or 'an empty prompt'}"]
        if ready.negative != written.negative:
            parts.append(f"to avoid: {text_of_others(ready.negative, LONGEST)}")
        anew = is_template(written.prompt) or is_template(written.negative)
        more = " Another seed draws other words." if anew else ""
        st.caption(f":material/subdirectory_arrow_right: {'; '.join(parts)}.{more}")
    if unknown := written.unknown(_lists_for(capabilities)):
        names = ", ".join(_lists_for(capabilities))
        st.caption(
            f":orange[:material/info:] {literal(', '.join(unknown))}: there is no such word list, "
            f"so it is sent as it stands. There are: {literal(names)}."
        )


def surprise() -> None:
    """Replaces the prompt by a random one."""
    if prompts := ideas(_lists()):
        st.session_state["prompt"] = prompts[0]


def can_surprise() -> bool:
    """Whether there are whole prompts to choose from."""
    return IDEAS in _lists()


def _lists_for(capabilities: Capabilities) -> dict[str, WordList]:
    """Every list. For a model that knows few words, the lists with its own words replace the
    others."""
    known = {
        group.lower(): words
        for group, words in capabilities.chips.items()
        if _knows_few(capabilities)
    }
    return {**_lists(), **{name: WordList(name, words) for name, words in known.items()}}


def _offered(capabilities: Capabilities) -> list[str]:
    """The lists to pick from. For a model that knows few words, its own and the owner's."""
    lists = _lists_for(capabilities)
    if not _knows_few(capabilities):
        return [name for name in lists if name != IDEAS]
    own = {group.lower() for group in capabilities.chips}
    return [name for name, entry in lists.items() if name in own or entry.is_own]


def _knows_few(capabilities: Capabilities) -> bool:
    """Whether the model has named all the words that it knows."""
    return "Things" in capabilities.chips


@st.cache_data(show_spinner=False, ttl=REREAD_SECONDS)
def _lists() -> dict[str, WordList]:
    return word_lists()


@st.cache_data(show_spinner=False, ttl=REREAD_SECONDS)
def _styles() -> dict[str, Style]:
    return styles()


def _are_brackets_negative() -> bool:
    """Whether brackets mark negative words: by the switch, or by the address if the switch is not
    on the screen."""
    if address.bound("brackets") and not address.arrived():
        return bool(st.session_state.get("brackets", False))
    return st.query_params.get("brackets", "") == "true"


def _draw_words(capabilities: Capabilities) -> None:
    lists = _lists_for(capabilities)
    st.pills(
        "Words by chance",
        _offered(capabilities),
        key="idea_list",
        on_change=_add_words,
        args=(lists,),
        format_func=lambda name: f"{name} ★" if lists[name].is_own else name,
        help="Where you wrote `__animals__`, each picture has a word of that list. The seed "
        "decides which, so the same seed has the same words.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input("Words at once", 1, 9, 1, key="idea_count", width=130)
        st.toggle(
            "Draw anew for every seed",
            True,
            key="idea_lasting",
            help="Off: the words are drawn now and written into the prompt.",
        )


def _add_words(lists: Mapping[str, WordList]) -> None:
    state = st.session_state
    name, state["idea_list"] = state["idea_list"], None
    if not name:
        return
    text = placeholder(name, int(state.get("idea_count", 1)))
    if not state.get("idea_lasting", True):
        text = Written(text).sent(random.getrandbits(32), lists, brackets=False).prompt
    phrase = f"in the manner of {text}" if name == "artists" else text
    state["prompt"] = _added(state.get("prompt", ""), phrase)


def _lay_style() -> None:
    st.pills(
        "Style",
        list(_styles()),
        key="idea_style",
        on_change=_use_style,
        help="Writes the style around your prompt, and what does not go with it beside.",
    )


def _use_style() -> None:
    state = st.session_state
    style, state["idea_style"] = _styles().get(state["idea_style"] or ""), None
    if style:
        state["prompt"] = style.around(state.get("prompt", ""))
        if style.negative and "negative" in state:
            state["negative"] = style.avoiding(state["negative"])


def _avoid(capabilities: Capabilities) -> None:
    examples = [text for text in capabilities.negatives if text]
    if examples:
        st.pills("What to avoid", examples, key="idea_negative", on_change=_add_negative)


def _add_negative() -> None:
    state = st.session_state
    example, state["idea_negative"] = state["idea_negative"], None
    state["negative"] = joined(state.get("negative", ""), example or "")


def _added(prompt: str, phrase: str) -> str:
    before = prompt.strip().rstrip(",")
    return f"{before}, {phrase}" if before else phrase


def differences(written: Written, params: Mapping[str, str]) -> dict[str, str]:
    """The typed texts, for the receipt, if others were sent."""
    texts = {"prompt": written.prompt, "negative": written.negative}
    return {f"{WRITTEN}{name}": text for name, text in texts.items() if text != params[name]}
