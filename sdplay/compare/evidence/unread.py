"""Says which words of the prompts the model left out, because no verdict is about those."""

import re
from collections.abc import Mapping, Sequence

from sdplay.compare.results import Result
from sdplay.picture import GAP
from sdplay.wording import many

NAMED = 3
"""Words that the sentence names."""
PROMPTS = {"prompt": "prompt", "negative": "negative prompt"}
_BETWEEN = re.compile(rf"[\s,.;:!?()\[\]、，。{GAP}]+")


def unread(results: Mapping[tuple[int, ...], Result]) -> str:
    """One sentence for each prompt that was not read whole; empty where all of it was."""
    done = [result for result in results.values() if result.done]
    return " ".join(filter(None, (_sentence(name, done) for name in PROMPTS)))


def _sentence(name: str, done: Sequence[Result]) -> str:
    cut = [result for result in done if _is_cut(name, result)]
    if not cut:
        return ""
    where = "" if len(cut) == len(done) else f"In {len(cut)} of {many(len(done), 'picture')} "
    model = "the model" if where else "The model"
    if not any(_words(str(result.applied[name])) for result in cut):
        return (
            f"{where}{model} read no word of the {PROMPTS[name]}: what is said here is not about "
            "it."
        )
    words = list(dict.fromkeys(word for result in cut for word in _missing(name, result)))
    named = f" ({', '.join(words[:NAMED])}{' …' * (len(words) > NAMED)})" if words else ""
    count = many(len(words), "word") if words else "part"
    return (
        f"{where}{model} did not read {count} of the {PROMPTS[name]}{named}: what is said here is "
        "not about that."
    )


def _is_cut(name: str, result: Result) -> bool:
    applied = str(result.applied.get(name, ""))
    return applied.count(GAP) > _asked(name, result).count(GAP)


def _missing(name: str, result: Result) -> list[str]:
    read = set(_words(str(result.applied[name])))
    return [word for word in _words(_asked(name, result)) if word not in read]


def _asked(name: str, result: Result) -> str:
    return str(getattr(result.cell.params, name))


def _words(text: str) -> list[str]:
    return [word for word in _BETWEEN.split(text) if word]
