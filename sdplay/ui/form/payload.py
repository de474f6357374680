"""Shows the exact request, which can be edited before it is sent."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from sdplay.errors import BadParams
from sdplay.files.untrusted import read_json
from sdplay.params import Params
from sdplay.ui import whole
from sdplay.ui.form import form
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio


@whole.dialog("Request", width=560, position="right", icon=":material/data_object:")
def payload(studio: Studio, asked: Callable[[], Params] | None = None) -> None:
    """Shows the request. Changes made here apply to every request from now on. `asked` gives the
    settings, if they are not those of the form."""
    with explained():
        params = asked() if asked else form.asked(studio.capabilities)
        before = studio.backend.payload(params.with_(extra=""))
        now = json.dumps(studio.backend.payload(params), indent=2, ensure_ascii=False)
        st.caption(
            "This is sent when you ask for a picture. Fields that you change or add stay in force, "
            "whatever the "
            "form says, until you reset them."
        )
        if docs := studio.capabilities.docs:
            st.caption(f"What each field means stands in the server's own [API pages]({docs}).")
        text = st.text_area("Payload (JSON)", now, height=430, key=f"payload_{hash(now)}")
        if studio.capabilities.scripts:
            with st.expander("Scripts of this server", icon=":material/extension:"):
                st.text("\n\n".join(studio.capabilities.scripts))
        with st.container(horizontal=True, gap="xsmall"):
            if st.button(
                "Keep my changes", type="primary", icon=":material/check:", key="payload_keep"
            ):
                form.lay_over(edited(before, text))
            if params.extra and st.button("Reset", icon=":material/undo:", key="payload_reset"):
                form.lay_over({})


def edited(before: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The fields that differ from the form's own request. Text that is no JSON object raises an
    error with a clear sentence."""
    try:
        after = read_json(text)
    except ValueError as error:
        raise BadParams(f"The payload is not valid JSON: {error}.") from error
    if not isinstance(after, dict):
        raise BadParams("The payload must be a JSON object, in curly brackets.")
    if gone := sorted(set(before) - set(after)):
        raise BadParams(
            f"Fields cannot be taken out here: {', '.join(gone)}. Set them to null instead."
        )
    return {
        name: value for name, value in after.items() if name not in before or value != before[name]
    }
