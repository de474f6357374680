"""A visitor's own server: fenced, tried, remembered for one visit, and never written down."""

import json
import logging
import socket
from contextlib import closing
from dataclasses import replace

import pytest

from sdplay.backends.guests import KINDS, Connected, Connection, Visits, is_connected, label_of
from sdplay.backends.guests.neighbours import Neighbour, Neighbourhood, answering, places
from sdplay.backends.guests.trial import tried
from sdplay.errors import BackendError, BackendOffline, BadParams, PlayError
from sdplay.http.fence import Guest
from sdplay.http.wire import Wire, of_guest, picture_bytes
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from tests.fakes import a1111, b64, dripping, dying, huge, png, send, sends, site, stalled
from tests.fakes_predict import hosted
from tests.local_process import free_port, until

OWNER, KEY = "f" * 32, "s3cret-k3y-of-mine"
INSIDE = Guest(lambda address: str(address) == "127.0.0.1")
"""127.0.0.1 stands in for the internet, where tests may not go; 127.0.0.2 for what is fenced."""
SMALL = Params(prompt="a fox", steps=2, seed=5, width=64, height=64)


def near(url, kind="", key=""):
    return Connection(kind, url, key, nearby=True)


def refusal(connection):
    with pytest.raises(PlayError) as caught:
        tried(connection, OWNER)
    return str(caught.value)


def guest_wire(url, guest=INSIDE, **fields):
    return of_guest(Wire(url, label="The server", setting="X", **fields), guest)


# The fence


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::ffff:a00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fc00::1]",
        "2130706433",
        "127.1",
        "100.64.0.1",
    ],
)
@pytest.mark.parametrize("kind", ["", "a1111", "cog"])
def test_somebody_from_elsewhere_cannot_reach_this_network(host, kind):
    with site({"*": sends({})}, prefix="/own") as served:
        sentence = refusal(Connection(kind, served.url.replace("127.0.0.1", host)))
    assert "private network" in sentence
    assert served.asked == []
    assert host not in sentence


def test_a_name_that_answers_twice_differently_gains_nothing(monkeypatch):
    """The connection goes to the address that was checked, under the name that was given."""
    answers, real = iter(["127.0.0.1", "127.0.0.2", "127.0.0.2"]), socket.getaddrinfo

    def changing(host, *rest, **fields):
        return real(next(answers) if host == "server.test" else host, *rest, **fields)

    with site({"*": sends({"ok": 1})}) as outside:
        port = int(outside.url.rpartition(":")[2])
        with site({"*": sends({"inside": 1})}) as inside:
            monkeypatch.setattr(socket, "getaddrinfo", changing)
            reply = guest_wire(f"http://server.test:{port}").get("a")
            with pytest.raises(BackendOffline, match="private network"):
                guest_wire(f"http://server.test:{port}").get("b")
    assert (reply.json(), inside.asked) == ({"ok": 1}, [])
    assert outside.asked[0].headers["Host"] == f"server.test:{port}"


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    real = socket.getaddrinfo

    def both(host, *rest, **fields):
        if host != "server.test":
            return real(host, *rest, **fields)
        return [*real("127.0.0.1", *rest, **fields), *real("127.0.0.2", *rest, **fields)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(BackendOffline, match="private network"):
        guest_wire("http://server.test:9").get()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status):
    with site({"*": sends({})}, prefix="/own") as inside:
        hidden = inside.url.replace("127.0.0.1", "127.0.0.2")
        with site({"*": sends(b"", status, Location=hidden)}) as outside:
            sentence = refusal(near(outside.url, "a1111", f"me:{KEY}"))
    assert inside.asked == []
    assert "give that address instead" in sentence


def test_a_server_cannot_have_its_pictures_fetched_from_this_network():
    with site({"*": sends(png())}, prefix="/own") as inside:
        hidden = inside.url.replace("127.0.0.1", "127.0.0.2") + "/a.png"
        with pytest.raises(BackendError, match="not on the open internet"):
            picture_bytes(hidden, guest_wire("http://127.0.0.1:9"))
    assert inside.asked == []


def test_a_proxy_of_this_machine_is_not_asked(monkeypatch):
    with site({"*": sends({"by": "proxy"})}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(BackendOffline):
            guest_wire("http://127.0.0.2:9").get()
    assert proxy.asked == []


def test_the_owner_can_open_the_fence(monkeypatch):
    monkeypatch.setenv("SDPLAY_ALLOW_PRIVATE_URLS", "1")
    with a1111() as server:
        assert tried(Connection("a1111", server.url), OWNER).capabilities.status == "ready"


def test_the_owners_keys_go_to_no_visitors_server(monkeypatch):
    for name in ("SDPLAY_A1111_AUTH", "SDPLAY_PREDICT_KEY", "SDPLAY_LOCAL_TOKEN"):
        monkeypatch.setenv(name, f"me:{KEY}")
    monkeypatch.setenv("SDPLAY_PREDICT_FIELDS", '{"steps": "num_steps"}')
    with site({"*": sends({})}) as served:
        for kind in ("", *KINDS):
            try:
                tried(near(served.url, kind), OWNER)
            except PlayError:
                continue
        assert served.asked
        assert not any("Authorization" in asked.headers for asked in served.asked)


# The trial


def test_an_a1111_server_is_found_out():
    with a1111() as server:
        entry = tried(near(server.url), OWNER)
    assert (entry.connection.kind, entry.capabilities.status) == ("a1111", "ready")
    assert entry.backend.label.startswith("Your A1111 server · ")
    assert server.url not in repr(entry.connection)


def test_a_cog_server_is_found_out():
    with hosted("cog") as fake:
        assert tried(near(fake.url), OWNER).connection.kind == "cog"


def test_an_image_api_is_found_out_though_its_path_is_missing():
    with site({"GET /v1/models": sends({"data": [{"id": "sd-turbo"}]})}) as served:
        assert tried(near(served.url), OWNER).connection.kind == "openai-images"


@pytest.mark.parametrize("kind", ["", "a1111", "local", "cog", "openai-images", "octoai"])
def test_nothing_there_is_told_with_what_to_do(kind):
    sentence = refusal(near(f"http://127.0.0.1:{free_port()}", kind))
    assert "does not answer at the address you gave. Is it running" in sentence
    assert "SDPLAY" not in sentence


@pytest.mark.parametrize("kind", ["", "a1111", "cog"])
def test_a_name_that_does_not_exist_is_told(kind):
    assert "no computer of that name" in refusal(near("http://no-such-host.invalid", kind))


def test_tls_where_there_is_none_is_told():
    with site({"*": sends({})}) as served:
        sentence = refusal(near(served.url.replace("http:", "https:")))
    assert "http or https" in sentence


def test_silence_is_told():
    with site({"*": stalled}) as served:
        assert "has not answered within" in refusal(near(served.url))


def test_a_server_that_breaks_off_at_once_is_not_said_to_be_silent():
    with site({"*": dying}) as served:
        assert "breaks off without an answer" in refusal(near(served.url))


@pytest.mark.parametrize("route", [huge, dripping])
def test_endless_answers_end_in_a_sentence(route):
    with site({"*": route}) as served:
        assert refusal(near(served.url))


@pytest.mark.parametrize("kind", ["", "a1111"])
@pytest.mark.parametrize("key", ["", f"me:{KEY}"])
def test_a_wrong_key_is_told(kind, key):
    with a1111(auth="me:right") as server:
        sentence = refusal(near(server.url, kind, key))
    assert "key" in sentence
    assert "user:password" in sentence
    assert KEY not in sentence
    assert "SDPLAY" not in sentence


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", ["local", "cog", "openai-images", "hf-inference"])
def test_a_wrong_token_is_told_by_every_kind(kind, status):
    with site({"*": sends({"detail": f"no: {KEY}"}, status)}) as served:
        sentence = refusal(near(served.url, kind, KEY))
    assert "key" in sentence or "token" in sentence
    assert KEY not in sentence
    assert "SDPLAY" not in sentence


def test_something_that_is_no_api_is_told():
    with site({"*": sends("<html><title>Hello</title></html>", kind="text/html")}) as served:
        for kind in ("", "a1111", "cog", "local", "openai-images", "octoai"):
            sentence = refusal(near(served.url, kind))
            assert "Something" in sentence or "a web page" in sentence
            assert "SDPLAY" not in sentence


def test_another_kind_than_was_said_is_named():
    with a1111() as server:
        assert "It answers like this kind: A1111 server" in refusal(near(server.url, "cog"))


def test_a_path_too_many_is_told():
    with a1111() as server:
        assert "Leave out the path /ui" in refusal(near(f"{server.url}/ui"))


@pytest.mark.parametrize(("kind", "url"), [("replicate", "http://a/b/c/d"), ("a1111", " ")])
def test_an_address_that_cannot_be_read_is_told(kind, url):
    with pytest.raises(BadParams, match="address"):
        tried(near(url, kind), OWNER)


# Memory


def test_endless_lists_are_not_remembered():
    models = [{"title": f"model {number} {'x' * 60}"} for number in range(8000)]
    with a1111() as server:
        server.site.routes["GET /sdapi/v1/sd-models"] = sends(models)
        assert "more models, names or inputs" in refusal(near(server.url, "a1111"))


def test_a_question_brings_no_more_than_a_list_and_a_picture_may_be_larger():
    large = png((1400, 1400), text="x" * 3_000_000)
    with site({"*": sends(large, kind="image/png")}) as served:
        wire = guest_wire(served.url)
        with pytest.raises(BackendError, match="more than 2 MB"):
            wire.get("sdapi/v1/options")
        assert picture_bytes(f"{served.url}/a.png", wire) == large


def silent_entry(number=0, nearby=True, owner=OWNER):
    """Connected once, to a server that has gone since."""
    connection = Connection("octoai", f"http://127.0.0.1:9/{number}", nearby=nearby)
    return Connected(connection, connection.backend(owner), connection.backend(owner).probe())


def test_another_browser_never_sees_a_server():
    visits, mine = Visits(), silent_entry()
    visits.add(OWNER, mine)
    assert list(visits.of(OWNER, nearby=True)) == [mine.backend.name]
    assert visits.of("0" * 32, nearby=True) == visits.of("", nearby=True) == {}
    assert visits.reached("0" * 32, mine.backend.name) is None


def test_a_server_beside_the_page_is_not_reached_from_elsewhere():
    visits = Visits()
    visits.add(OWNER, silent_entry())
    assert visits.of(OWNER, nearby=False) == {}


def test_few_servers_for_a_browser_and_for_all():
    visits = Visits()
    for number in range(4):
        visits.add(OWNER, silent_entry(number))
    with pytest.raises(BadParams, match="Disconnect one first"):
        visits.add(OWNER, silent_entry(4))
    visits.add(OWNER, silent_entry(3))  # the same again is no further one
    for browser in range(200):
        visits.add(f"{browser:032d}", silent_entry())
    assert sum(len(visits.of(f"{browser:032d}", nearby=True)) for browser in range(200)) == 128


def test_forged_cookies_from_one_address_drive_nobody_out():
    visits = Visits()
    visits.add(OWNER, silent_entry())
    for browser in range(16):
        visits.add(f"{browser:032d}", replace(silent_entry(), address="203.0.113.5"))
    with pytest.raises(BadParams, match="from your network address"):
        visits.add("a" * 32, replace(silent_entry(), address="203.0.113.5"))
    visits.add("b" * 32, replace(silent_entry(), address="198.51.100.7"))
    assert visits.of(OWNER, nearby=True)


def test_a_server_is_forgotten_in_time():
    now = 0.0
    visits = Visits(lambda: now)
    visits.add(OWNER, silent_entry())
    now = 2 * 3600 - 1
    assert visits.of(OWNER, nearby=True)
    now += 2
    assert not visits.of(OWNER, nearby=True)


def test_a_server_connected_again_has_its_old_name_and_tells_nobody_its_address():
    first, again = near("http://h:1", "a1111", KEY), near("http://h:1/", "a1111", "another")
    assert first.name(OWNER) == again.name(OWNER) != first.name("0" * 32)
    assert is_connected(first.name(OWNER))
    letters = first.name(OWNER)[-4:]
    assert first.backend(OWNER).label == f"Your A1111 server · {letters}"
    assert label_of(first.name(OWNER)) == f"Connected A1111 server {letters}"
    assert label_of("builtin") == "builtin"


# Nothing is written down


def echoing(http, asked):
    """Says everything that it was told, in every place where a server says something."""
    text = f"{dict(asked.headers)} {KEY}"
    info = {"infotexts": [f"{text}\nSteps: 2, Seed: 5, Size: 64x64"], "sd_model_name": text}
    answers = {
        "/sdapi/v1/progress": {"progress": 0, "state": {"job_count": 0}},
        "/sdapi/v1/samplers": [{"name": "DPM++ 2M Karras"}, {"name": "Euler"}],
        "/sdapi/v1/options": {"sd_model_checkpoint": text},
        "/sdapi/v1/txt2img": {
            "images": [b64(png(text=text))],
            "info": json.dumps({**info, "all_seeds": [5], "seed": 5}),
        },
    }
    send(http, answers.get(asked.path.split("?")[0], {"detail": text}), 200)


def test_a_key_that_the_server_repeats_is_nowhere_on_the_disk(tmp_path, caplog):
    with site({"*": echoing}) as served, closing(Library(tmp_path)) as library:
        connection = near(served.url, "a1111", f"me:{KEY}")
        with caplog.at_level(logging.INFO):
            job = Jobs(library).submit(SMALL, connection.backend(OWNER), OWNER)
            assert job.wait(120)
        assert (job.state, job.error) == ("done", "")
        host = served.url.removeprefix("http://")
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        for secret in (KEY, host, connection.backend(OWNER).secrets[0]):
            assert secret not in str(job.saved)
            assert secret not in caplog.text
            assert not any(secret.encode() in file for file in files)


def test_a_refusal_that_repeats_the_key_is_told_without_it(tmp_path):
    with site({"*": echoing}) as served, closing(Library(tmp_path)) as library:
        served.routes["POST /sdapi/v1/txt2img"] = sends({"detail": f"no {KEY} here"}, 500)
        backend = near(served.url, "a1111", f"me:{KEY}").backend(OWNER)
        job = Jobs(library).submit(SMALL, backend, OWNER)
        assert job.wait(120)
    assert job.state == "failed"
    assert "here" in job.error
    assert KEY not in job.error


# What runs beside the page


def test_servers_on_this_machine_are_found():
    with a1111() as server, hosted("cog") as cog, site({"*": sends({})}) as other:
        listed = [("a1111", server.url), ("cog", cog.url), ("a1111", other.url)]
        present = answering([Neighbour(kind, url) for kind, url in listed])
    assert [(one.kind, one.address) for one in present] == listed[:2]


def test_the_addresses_of_the_settings_are_chosen_and_not_connected(monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_URL", "http://localhost:7999")
    monkeypatch.setenv("SDPLAY_LOCAL_URL", "http://10.0.0.1:7861")
    by_address = {place.address: place.backend for place in places()}
    assert by_address["http://127.0.0.1:7999"] == "a1111"
    assert by_address["http://127.0.0.1:7860"] == by_address["http://127.0.0.1:7861"] == ""


def test_looking_holds_nobody_up():
    with site({"*": stalled}) as served:
        street = Neighbourhood(lambda: answering([Neighbour("a1111", served.url)]))
        assert street.present() == ()
        assert street.looking
        until(lambda: not street.looking)
        assert street.present() == ()
