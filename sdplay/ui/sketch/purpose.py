"""The picture to ask for, whatever the canvas is used for."""

from sdplay.errors import PlayError
from sdplay.params import Params
from sdplay.ui.session import Studio
from sdplay.ui.sketch import guide, inpaint, mode
from sdplay.ui.sketch.sitting import Sitting

PARAMS = {"mask": inpaint.params, "guide": guide.params}


def params(studio: Studio, seat: Sitting) -> Params:
    """The settings of the next picture. If something is missing for it, an error says so in a
    sentence."""
    aim = mode.chosen(studio)
    return PARAMS[aim](studio, seat) if aim in PARAMS else seat.params(studio)


def is_met(studio: Studio, seat: Sitting) -> bool:
    """Whether the picture on the page is the one that would be asked for now."""
    answer = seat.live.answer
    if answer is None or answer.picture.backend != studio.backend.name:
        return False
    try:
        return answer.request.params == params(studio, seat)
    except PlayError:
        return False
