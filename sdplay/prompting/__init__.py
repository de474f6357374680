"""How a prompt is written with less typing: word lists, styles, and negative words in brackets."""

from sdplay.prompting.avoid import NEGATIVES
from sdplay.prompting.lists import WordList, word_lists
from sdplay.prompting.styles import Style, styles
from sdplay.prompting.template import Written, ideas, is_template, placeholder

__all__ = [
    "NEGATIVES",
    "Style",
    "WordList",
    "Written",
    "ideas",
    "is_template",
    "placeholder",
    "styles",
    "word_lists",
]
