"""What failed leaves a trace: what was asked, why it could not be, and a way to ask again."""

import pytest

from sdplay.library import Library
from sdplay.library.failures import MOST
from sdplay.params import Params
from sdplay.ui import session
from tests.fakes import FAULTS
from tests.fakes import broken as failing
from tests.paging import sentences, settled


@pytest.fixture
def failures(tmp_path):
    library = Library(tmp_path)
    yield library.failures
    library.close()


def test_a_failure_is_remembered_by_its_owner_newest_first(failures):
    failures.add("ann", "a1111", Params(prompt="a hill", steps=9), "It said no.")
    failures.add("ann", "a1111", Params(prompt="a lake"), "It is away.")
    failures.add("bob", "a1111", Params(), "Other.")
    assert [(each.params.prompt, each.sentence) for each in failures.of("ann")] == [
        ("a lake", "It is away."),
        ("a hill", "It said no."),
    ]
    assert failures.of("ann")[1].params.steps == 9


def test_it_is_still_there_for_another_process_until_it_is_forgotten(failures, tmp_path):
    failures.add("ann", "a1111", Params(prompt="a hill"), "It said no.")
    other = Library(tmp_path)
    (failure,) = other.failures.of("ann")
    other.failures.remove("ann", failure.id)
    other.close()
    assert failures.of("ann") == []


def test_only_so_many_are_remembered_and_pictures_in_them_are_not(failures):
    for number in range(MOST + 5):
        failures.add("ann", "a1111", Params(prompt=str(number), init=b"x" * 1000), "No.")
    listed = failures.of("ann")
    assert [each.params.prompt for each in listed] == [str(34 - at) for at in range(MOST)]
    assert listed[0].had_pictures
    assert listed[0].params.init == b""


def test_a_damaged_file_of_traces_is_no_error(failures, tmp_path):
    failures.add("ann", "a1111", Params(), "No.")
    (path,) = tmp_path.rglob("failures/*/*.json")
    path.write_text('[{"id": 1}, 7, ')
    assert failures.of("ann") == []
    path.write_text('[{"id": 1}, 7, {"id": "a", "at": "x"}]')
    assert failures.of("ann") == []


@pytest.fixture
def broken(page, monkeypatch):
    """A page whose click has failed."""
    with failing(next(iter(FAULTS))) as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        page.query_params.update({"backend": "a1111", "steps": "2", "prompt": "a hill"})
        yield settled(page.run().button(key="go").click().run())


def traces_of(page):
    return session.jobs().library.failures.of(page.session_state["owner"])


def test_a_failed_click_leaves_its_settings_and_the_sentence(broken):
    (failure,) = traces_of(broken)
    assert (failure.params.prompt, failure.params.steps, failure.backend) == ("a hill", 2, "a1111")
    assert failure.sentence in sentences(broken)


def test_the_library_shows_it_though_there_is_no_picture(broken):
    broken.session_state["view"] = "Library"
    assert not broken.run().exception


def test_a_sweeps_cells_leave_no_trace_there(broken):
    studio_jobs, owner = session.jobs(), broken.session_state["owner"]
    job = studio_jobs.of(owner)[-1]
    again = studio_jobs.submit(job.params, job.backend, owner, "sweep-1")
    assert again.wait(120)
    assert again.state == "failed"
    assert len(traces_of(broken)) == 1


def test_what_was_cancelled_is_no_failure(page):
    page.query_params.update({"steps": "500", "width": "256", "height": "256"})
    page.run().button(key="go").click().run()
    page.button(key="cancel").click().run()
    settled(page)
    assert traces_of(page) == []
