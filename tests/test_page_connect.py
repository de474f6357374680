"""A visitor's own server on the page: who may connect what, and what becomes of its pictures."""

import pytest

from sdplay.backends.guests.visits import FORGOTTEN_AFTER
from sdplay.compare.experiment import write_experiment
from sdplay.ui import session
from sdplay.ui.compare import sweeping
from tests.fakes import a1111, send, site
from tests.local_process import until
from tests.paging import new_page, sentences, settled
from tests.serving import forked
from tests.visiting import Visitor

KEY = "me:s3cret-k3y-of-mine"


@pytest.fixture
def server():
    with a1111("/own", auth=KEY) as fake:
        yield fake


@pytest.fixture
def anywhere(monkeypatch):
    """AppTest visits from nowhere, as a stranger does."""
    monkeypatch.setenv("SDPLAY_ALLOW_PRIVATE_URLS", "1")


def has(page, key):
    return any(button.key == key for button in page.button)


def described(page, url, key="", kind=""):
    page.run().button(key="connect").click().run()
    page.selectbox(key="connect_kind").set_value(kind)
    page.text_input(key="connect_url").set_value(url)
    page.text_input(key="connect_key").set_value(key)
    next(button for button in page.button if button.label == "Test").click().run()
    assert not page.exception
    return page


def connected(page, url, key=KEY, kind=""):
    described(page, url, key, kind).button(key="connect_use").click().run()
    assert not page.exception
    return page


def name(page):
    return page.selectbox(key="backend").value


def test_a_stranger_cannot_name_a_server_in_this_network(page, server):
    described(page, server.url, KEY)
    assert "private network" in sentences(page)
    assert not has(page, "connect_use")
    assert server.site.asked == []


def test_a_visit_through_a_proxy_is_fenced_and_offered_nothing(tmp_path, server):
    process, url = forked(tmp_path, SDPLAY_A1111_URL=server.url)
    try:
        with Visitor(url, address="203.0.113.5") as visitor:
            visitor.press("connect")
            visitor.set("connect_url", string_value=server.url)
            visitor.press("Test")
            texts, offers = " ".join(visitor.texts), [key for key in visitor.ids if "offer" in key]
    finally:
        process.kill()
        process.wait()
    assert "private network" in texts
    assert (offers, server.site.asked) == ([], [])


def test_a_stranger_is_offered_nothing_of_this_machine(page, server, monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
    page.run()
    assert not any(button.key.startswith("offer_") for button in page.button)
    assert server.site.asked == []


def test_it_says_when_an_address_is_forgotten(page):
    page.run()
    page.button(key="connect").click().run()
    assert f"{FORGOTTEN_AFTER / 3600:g} hours without use" in sentences(page)


def test_the_owner_can_forbid_it(page, monkeypatch):
    monkeypatch.setenv("SDPLAY_CONNECT", "0")
    page.run()
    assert not has(page, "connect")


@pytest.mark.usefixtures("anywhere")
def test_what_was_connected_is_gone_when_the_owner_forbids_it(page, server, monkeypatch):
    connected(page, server.url)
    monkeypatch.setenv("SDPLAY_CONNECT", "0")
    page.run()
    assert not page.exception
    assert name(page) == "builtin"
    assert "Connect it again" in sentences(page)


@pytest.mark.usefixtures("anywhere")
def test_a_picture_says_where_it_was_made_without_saying_where_that_is(page, server):
    connected(page, server.url)
    settled(page.button(key="go").click().run())
    picture = session.jobs().library.recent(page.session_state["owner"], 1)[0]
    assert picture.backend == name(page)
    page.query_params["picture"] = picture.id
    assert "Connected A1111 server" in sentences(page.run())
    for secret in (server.url.removeprefix("http://"), KEY.partition(":")[2]):
        assert secret not in str(picture)
        assert secret not in str(page.query_params)


@pytest.mark.usefixtures("anywhere")
def test_another_browser_has_no_such_backend(page, server):
    connected(page, server.url)
    mine = name(page)
    stranger = new_page()
    stranger.query_params["backend"] = mine
    stranger.run()
    assert not stranger.exception
    assert not any("Your" in option for option in stranger.selectbox(key="backend").options)
    assert "somebody connected for one visit" in sentences(stranger)


@pytest.mark.usefixtures("anywhere")
def test_disconnecting_stops_what_waits_and_keeps_what_was_made(page):
    with a1111(most=0) as server:
        connected(page, server.url, "")
        page.button(key="go").click().run()
        job = session.jobs().of(page.session_state["owner"])[0]
        until(lambda: server.running)
        page.button(key="disconnect").click().run()
        assert job.wait(120)
    assert (job.state, name(page)) == ("cancelled", "builtin")
    assert not page.exception
    assert not has(page, "disconnect")


@pytest.mark.usefixtures("anywhere")
def test_a_fifth_server_is_refused(page):
    with site({"*": lambda http, asked: send(http, {"data": [{"id": "m"}]})}) as served:
        for number in range(4):
            connected(page, f"{served.url}/{number}/v1", "", "openai-images")
        connected(page, f"{served.url}/5/v1", "", "openai-images")
    assert "connected to 4 servers already" in sentences(page)


SWEEP = {"view": "Compare", "x_values": "2, 3", "width": "96", "height": "96", "y_axis": ""}


def swept(page):
    """The sweep that the plan on the page became, at its end."""
    page.button(key="run").click().run()
    assert not page.exception
    sweep = sweeping.board()._sweeps[-1]
    until(lambda: not sweep.running)
    return sweep


@pytest.mark.usefixtures("anywhere")
def test_a_comparison_offers_it_by_the_name_that_the_form_has(page, server):
    page.query_params.update({**SWEEP, "x_values": "2", "y_axis": "Backend"})
    connected(page, server.url)
    page.multiselect(key="y_backend").set_value(["builtin", name(page)]).run()
    listed = page.multiselect(key="y_backend").options
    assert listed == page.selectbox(key="backend").options
    assert any(option.startswith("Your A1111 server") for option in listed)


@pytest.mark.usefixtures("anywhere")
def test_the_line_of_a_plan_calls_it_so_also_when_it_was_left(page, server):
    page.query_params.update({**SWEEP, "x_values": "2", "y_axis": "Backend"})
    connected(page, server.url)
    mine = name(page)
    for side in ("width", "height"):
        page.number_input(key=side).set_value(96)
    page.multiselect(key="y_backend").set_value(["builtin", mine]).run()
    swept(page)
    line = f"**Steps 2 × Built-in model against Connected A1111 server {mine[-4:]}** · 2 pictures"
    assert line in sentences(page.run())
    page.button(key="disconnect").click().run()
    assert not page.exception
    assert line in sentences(page)
    assert server.url.removeprefix("http://") not in sentences(page)
    page.button(key="sweep_edit").click().run()
    assert not page.exception


@pytest.mark.usefixtures("anywhere")
def test_a_comparison_runs_on_it_and_its_file_tells_no_address(page, server):
    page.query_params.update(SWEEP)
    connected(page, server.url)
    sweep = swept(page)
    assert sweep.counts() == {"made": 2}
    file = write_experiment(sweep.plan, sweep.results())
    for secret in (server.url.removeprefix("http://"), KEY.partition(":")[2]):
        assert secret not in file
    before = len(server.site.asked)
    again = swept(page.run())
    assert (sum(again.counts().values()), painted(server, before)) == (2, 0)


@pytest.mark.usefixtures("anywhere")
def test_a_comparison_goes_on_where_its_server_was_left_and_connected_again(page):
    page.query_params.update({**SWEEP, "x_values": "2, 3, 4, 5"})
    with a1111(most=1) as server:
        connected(page, server.url, "")
        page.button(key="run").click().run()
        sweep = sweeping.board()._sweeps[-1]
        until(lambda: sweep.counts().get("made"))
        page.button(key="disconnect").click().run()
        until(lambda: not sweep.running)
        assert not page.exception
        sweep.retry()
        until(lambda: sweep.trouble)
        assert "Connect it again" in sweep.trouble
        server.most = 99
        connected(page, server.url, "")
        sweep.resume()
        until(lambda: sweep.counts() == {"made": 4})


def painted(server, before):
    return sum("txt2img" in asked.path for asked in server.site.asked[before:])


@pytest.mark.usefixtures("anywhere")
def test_a_server_that_goes_away_is_told_and_the_page_stays(page):
    with a1111() as server:
        connected(page, server.url, "")
    settled(page.button(key="go").click().run())
    assert not page.exception
    assert "does not answer at the address you gave" in sentences(page)
    assert server.url.removeprefix("http://") not in " ".join(
        job.error for job in session.jobs().of(page.session_state["owner"])
    )
