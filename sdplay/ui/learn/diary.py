"""The predictions of this visitor, stored only in this visit's memory and in the browser."""

from dataclasses import replace

import streamlit as st

from sdplay.lessons.record import FORMS, Answered, Record, read_record
from sdplay.ui.components.diary import diary

_RECORD, _READ = "lesson_record", "lesson_record_read"


def now() -> Record:
    """The record as this visit has it."""
    record: Record = st.session_state.get(_RECORD, Record())
    return record


def put(record: Record) -> None:
    """Stores a new record."""
    st.session_state[_RECORD] = record


def forget() -> None:
    """Removes all predictions."""
    put(Record())


def say(lesson: str, prediction: Answered) -> None:
    """Stores what was predicted in a lesson."""
    record = now()
    put(replace(record, predictions={**record.predictions, lesson: prediction}))


def keep() -> None:
    """Exchanges the record with the browser. Draw it once, at the end of the page."""
    read = bool(st.session_state.get(_READ))
    text = diary(now().text() if now() != Record() else "", read)
    if text is None or read:
        return
    st.session_state[_READ] = True
    put(_joined(read_record(text), now()))
    st.rerun()


def _joined(older: Record, newer: Record) -> Record:
    """The browser's record, with what was said before it arrived laid over it."""
    return Record(
        {**older.predictions, **newer.predictions},
        newer.before or older.before,
        newer.after or older.after,
        older.order if older.order in FORMS else newer.order,
    )
