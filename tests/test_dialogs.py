"""Why no dialog is opened inside a fragment, and that none is."""

import ast
from pathlib import Path

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from tests.paging import ENTRY

UI = Path(ENTRY).parent / "sdplay" / "ui"
SOURCES = sorted(UI.rglob("*.py"))


def part(path, fragment):
    message = ForwardMsg()
    message.metadata.delta_path.extend(path)
    message.delta.fragment_id = fragment
    message.delta.add_block.allow_empty = False
    return message


def test_streamlit_sends_a_dialogs_parts_without_it_when_the_fragment_around_it_runs_again():
    queue = ForwardMsgQueue()
    queue.enqueue(part([2, 0], "list"))
    queue.enqueue(part([2, 0, 0], "dialog"))
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["list"])
    assert [list(each.metadata.delta_path) for each in queue.flush()] == [[2, 0, 0]]


def fragments_and_dialogs():
    """The functions of the page that are fragments, and the names of its dialogs."""
    fragments, dialogs = [], set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            marks = " ".join(map(ast.unparse, getattr(node, "decorator_list", ())))
            if "whole.fragment" in marks:
                fragments.append(node)
            if "whole.dialog" in marks:
                dialogs.add(node.name)
    return fragments, dialogs


FRAGMENTS, DIALOGS = fragments_and_dialogs()


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda node: node.name)
def test_no_fragment_opens_a_dialog_itself(fragment):
    called = {
        ast.unparse(node.func).split(".")[-1]
        for node in ast.walk(fragment)
        if isinstance(node, ast.Call)
    }
    assert called & DIALOGS == set(), "ask for a run of the whole page that opens it"
