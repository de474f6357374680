"""A page of a seed and one button that paints with the built-in model: the least that a page of
Streamlit's costs, whatever is on it."""

import streamlit as st

from sdplay import metadata
from sdplay.backends.builtin import Builtin
from sdplay.params import Params
from sdplay.picture import Picture


def painted(params: Params) -> Picture:
    """The picture, without previews on the way."""
    backend = Builtin()
    backend.previews = False
    return next(event for event in backend.generate(params) if isinstance(event, Picture))


asked = st.query_params
seed = int(st.number_input("Seed", 0, key="seed"))
if st.button("Generate", key="go"):
    picture = painted(
        Params(
            asked["prompt"],
            steps=int(asked["steps"]),
            width=int(asked["width"]),
            height=int(asked["height"]),
            cfg=Builtin().probe().defaults["cfg"],
            seed=seed,
        )
    )
    st.image(metadata.sign(picture.data, picture), output_format="PNG")
