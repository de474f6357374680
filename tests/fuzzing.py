"""Throws mutated files, texts and answers at one reader, in a process that may not grow: the reader
ends well or with one of our own sentences."""

import io
import json
import resource
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from sdplay import metadata
from sdplay.backends.a1111.receipt import info_of, reported
from sdplay.compare.experiment import read_experiment
from sdplay.compare.grammar import expand
from sdplay.compare.planfile import read_plan
from sdplay.errors import PlayError
from sdplay.files.untrusted import read_json
from sdplay.http.reply import Reply, error_text, retry_after
from sdplay.library import Library
from sdplay.library.carry import exported, imported
from sdplay.params import Params
from tests.fakes import png
from tests.making import finished

ROOM = 400 * 2**20
PLAN = {"base": {"prompt": "a fox", "steps": 4}, "axes": [{"axis": "cfg", "values": "1, 3, .., 9"}]}
EXPERIMENT = {
    "sdplay_experiment": 1,
    "plan": PLAN,
    "images": {"a": "aGk="},
    "cells": [{"at": [0], "labels": ["1"], "pixels": "ab", "seconds": 1.5}],
}
TEXT = (
    "a fox, (red:1.2)\nNegative prompt: dark\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, "
    'CFG scale: 7, Seed: 5, Size: 512x768, Script: X/Y/Z plot, X Type: Steps, X Values: "5, 10"'
)
ANSWER = {
    "images": ["aGk="],
    "info": json.dumps({"seed": 1, "infotexts": [TEXT], "all_seeds": [1]}),
    "detail": [{"loc": ["body", "steps"], "msg": "is wrong"}],
}


def a_zip() -> bytes:
    with tempfile.TemporaryDirectory() as home, closing(Library(Path(home))) as library:
        library.save(finished(seed=1), "ann")
        file = io.BytesIO()
        exported(library, file, "", "ann")
    return file.getvalue()


def bring_in(data: bytes) -> None:
    imported(LIBRARY, io.BytesIO(data), "ann")


def read_answer(data: bytes) -> None:
    reply = Reply(500, {"Content-Type": "application/json"}, data)
    error_text(reply)
    retry_after(reply)
    answer = reply.json()
    if isinstance(answer, dict):
        reported(info_of(answer), png(text=TEXT))


def read_settings(data: bytes) -> None:
    with suppress(ValueError):
        values = read_json(data)
        if isinstance(values, dict):
            Params.from_dict(values)


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


READERS = {
    "values": (
        lambda data: expand(text_of(data), float),
        b"1, 2, .., 9, 5-20(+5), 0-1[6], SKIP: 3",
    ),
    "plan": (lambda data: read_plan(text_of(data)), json.dumps(PLAN).encode()),
    "toml plan": (
        lambda data: read_plan(text_of(data), "toml"),
        b'[base]\nprompt = "a {thing}"\n[[axes]]\naxis = "steps"\nvalues = "5-20(+5)"\n',
    ),
    "table": (
        lambda data: read_plan(text_of(data), "csv"),
        b"# prompt: a {thing}\nthing,steps,pictures\nfox,4,2\n,8,1\n",
    ),
    "experiment": (
        lambda data: read_experiment(text_of(data)),
        json.dumps(EXPERIMENT).encode(),
    ),
    "infotext": (lambda data: metadata.settings_from(text_of(data)), TEXT.encode()),
    "picture": (metadata.read, png(text=TEXT)),
    "zip": (bring_in, a_zip()),
    "answer": (read_answer, json.dumps(ANSWER).encode()),
    "settings": (
        read_settings,
        json.dumps(finished().params.as_dict() | {"control": [{"image": "sha256:a"}]}).encode(),
    ),
}


@some.composite
def mutated(draw, whole: bytes) -> bytes:
    """The file with up to four pieces cut out, repeated, or put in."""
    data = bytearray(whole)
    for _ in range(draw(some.integers(1, 4))):
        at = draw(some.integers(0, len(data)))
        length = draw(some.integers(0, 24))
        piece = draw(
            some.one_of(
                some.binary(max_size=8),
                some.sampled_from([b"[", b"{", b'"', b"\r", b",", b"..", b"\xed\xa0\x80", b"1e9"]),
                some.just(bytes(data[at : at + length])),
            )
        )
        data[at : at + draw(some.integers(0, length))] = piece * draw(
            some.sampled_from([0, 1, 2, 50, 20_000])
        )
    return bytes(data)


def main(name: str, examples: int) -> None:
    reader, whole = READERS[name]
    reader(whole)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + ROOM, held + ROOM))

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(whole))
    def fuzz(data: bytes) -> None:
        with suppress(PlayError):
            reader(data)

    fuzz()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, closing(Library(Path(folder))) as LIBRARY:
        main(sys.argv[1], int(sys.argv[2]))
