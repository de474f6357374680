"""The wire: capped and timed answers, failures as sentences, keys that never travel on, the fence
for picture links."""

import email.utils
import ipaddress
import itertools
import threading
import time
from types import SimpleNamespace

import pytest
from fakes import (
    b64,
    bomb,
    dribbling,
    dripping,
    dripping_chunks,
    dying,
    hanging_up,
    huge,
    png,
    sends,
    site,
    stalled,
)

from sdplay.errors import BackendBroken, BackendOffline, BadParams
from sdplay.http.address import bare
from sdplay.http.call import Call
from sdplay.http.fence import public
from sdplay.http.fetch import download, fetch_public
from sdplay.http.wire import (
    Reply,
    Wire,
    error_text,
    on_this_machine,
    picture_bytes,
    refusal,
    retry_after,
    waiting,
)
from tests.local_process import until

SECRET = "hunter22secret"


def wire(base, **more):
    return Wire(base, label="The server", setting="SDPLAY_X_URL", **more)


def reply(status=400, body="", kind="application/json", **headers):
    return Reply(
        status,
        {"Content-Type": kind, **headers},
        body if isinstance(body, bytes) else body.encode(),
    )


def test_a_base_address_keeps_its_path_and_query():
    with site({"GET /sd/api/x": sends({"a": 1})}) as served:
        assert wire(served.url + "/sd/?token=abc").get("api/x").json() == {"a": 1}
        assert served.paths() == ["/sd/api/x?token=abc"]


def test_an_address_without_scheme_means_http():
    with site({"GET /x": sends({})}) as served:
        assert wire(served.url.removeprefix("http://")).get("x").ok


@pytest.mark.parametrize(
    "base",
    ["", "ftp://host", "http://", "not a host", "http://[::1", "http://a:99999", "http://é\x00"],
)
def test_an_unusable_address_is_explained(base):
    with pytest.raises(BackendOffline, match="SDPLAY_X_URL.*http://127.0.0.1:7860"):
        wire(base).get("x")


def test_nobody_listening_is_said_with_address_and_setting():
    with pytest.raises(
        BackendOffline, match="The server does not answer at http://127.0.0.1:9.*SDPLAY_X_URL"
    ):
        wire("http://127.0.0.1:9").get("x")


@pytest.mark.parametrize("route", [stalled, dribbling, dripping, dripping_chunks])
def test_a_server_that_is_too_slow_ends_in_a_sentence(route):
    with site({"GET /x": route}) as served, pytest.raises(BackendBroken, match="within 0.3 s"):
        wire(served.url).get("x", seconds=0.3)


@pytest.mark.parametrize(
    ("route", "sentence"),
    [
        (sends(b"", 302, Location="http://[::1"), "no address"),
        (dying, "broke off"),
        (hanging_up, "broke off"),
    ],
)
def test_a_server_that_falters_ends_in_a_sentence(route, sentence):
    with site({"GET /x": route}) as served, pytest.raises(BackendBroken, match=sentence):
        wire(served.url).get("x", seconds=60)


def test_two_gigabytes_never_fill_memory():
    import psutil

    before = psutil.Process().memory_info().rss
    with site({"GET /x": huge}) as served, pytest.raises(BackendBroken, match="more than 8 MB"):
        wire(served.url, largest=8 * 2**20).get("x")
    assert psutil.Process().memory_info().rss - before < 64 * 2**20


def test_basic_auth_is_sent_and_never_shown():
    with site({"GET /x": sends({})}) as served:
        ours = wire(served.url, auth=("me", SECRET))
        ours.get("x")
        assert served.asked[0].headers["Authorization"] == "Basic " + b64(f"me:{SECRET}".encode())
        assert SECRET not in repr(ours) + ours.clean(f"said me:{SECRET}")


def test_a_password_in_the_address_is_used_but_not_shown():
    with site({"GET /x": sends({})}) as served:
        ours = wire(served.url.replace("http://", f"http://me:{SECRET}@"))
        assert ours.get("x").ok
        assert SECRET not in ours.address
        assert "Basic" in served.asked[0].headers["Authorization"]


def test_a_netrc_password_is_never_used(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with site({"GET /x": sends({})}) as served:
        wire(served.url).get("x")
        assert "Authorization" not in served.asked[0].headers


def test_a_key_does_not_follow_a_redirect_to_another_server():
    with site({"GET /y": sends({"there": True})}) as other:
        moved = sends(b"", 302, Location=other.url + "/y")
        with site({"GET /x": moved}) as served:
            assert wire(served.url, headers={"Authorization": f"Bearer {SECRET}"}).get(
                "x"
            ).json() == {"there": True}
        assert "Authorization" not in other.asked[0].headers


def test_a_request_to_make_something_is_not_redirected_elsewhere():
    moved = {"POST /x": sends(b"", 307, Location="http://other.invalid/y")}
    with (
        site(moved) as served,
        pytest.raises(BackendBroken, match=r"sends us on to http://other.invalid/y.*SDPLAY_X_URL"),
    ):
        wire(served.url).post("x", {})


def test_a_redirect_in_a_circle_ends():
    with (
        site({"GET /x": sends(b"", 302, Location="/x")}) as served,
        pytest.raises(BackendBroken, match="circle"),
    ):
        wire(served.url).get("x")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"detail": "Sampler not found"}', "Sampler not found"),
        ('{"detail": [{"loc": ["body", "steps"], "msg": "too large"}]}', "steps: too large"),
        (
            '{"error": "RuntimeError", "detail": "", "errors": "CUDA out of memory"}',
            "CUDA out of memory",
        ),
        ('{"error": {"message": "bad model", "code": 1}}', "bad model"),
        ('{"error": "prompt required"}', "prompt required"),
        ('{"error": ["a", "b"]}', "a; b"),
        ("Internal Server Error", "Internal Server Error"),
        ("<html><title>Sign in</title>", "a web page ('Sign in') instead of data"),
        ("", ""),
        ("[" * 100_000, "[" * 299 + "…"),
    ],
)
def test_the_error_text_is_found_wherever_a_dialect_puts_it(body, text):
    assert error_text(reply(body=body)) == text


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 409, 413, 418, 422, 429, 500, 502, 503, 504]
)
def test_every_refusal_says_what_happened_and_what_to_do(status):
    said = str(refusal(reply(status, '{"detail": "because"}'), "The server", "SDPLAY_X_KEY"))
    assert said.startswith(f"The server answered {status}: because. ")
    assert said.count(". ") >= 1


def test_a_refused_key_names_its_setting():
    assert "SDPLAY_X_KEY" in str(refusal(reply(401), "The server", "SDPLAY_X_KEY"))


def test_a_refusal_never_repeats_a_key(monkeypatch):
    monkeypatch.setenv("SDPLAY_PREDICT_KEY", SECRET)
    assert SECRET not in str(
        refusal(reply(401, f"bad key {SECRET}"), "The server", "SDPLAY_PREDICT_KEY")
    )


def test_lack_of_memory_gets_its_own_advice():
    assert "smaller size" in str(
        refusal(reply(500, '{"errors": "CUDA out of memory"}'), "The server", "X")
    )


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (reply(429, **{"Retry-After": "7"}), 7),
        (reply(503, '{"estimated_time": 20.5}'), 20.5),
        (reply(429, '{"detail": "limit resets in ~30s."}'), 30),
        (reply(429), None),
        (reply(429, **{"Retry-After": "soon"}), None),
    ],
)
def test_the_wait_is_read_from_header_or_body(told, seconds):
    assert retry_after(told) == seconds


def test_the_wait_may_be_a_date():
    began = time.time()
    date = email.utils.formatdate(began + 60, usegmt=True)
    seconds = retry_after(reply(429, **{"Retry-After": date}))
    assert 59 - (time.time() - began) <= seconds <= 61


def test_a_web_page_is_not_taken_for_an_answer():
    with pytest.raises(BackendBroken, match=r"web page \('Log in'\)"):
        reply(200, "<!DOCTYPE html><title>Log in</title>", "text/html").json()


@pytest.mark.parametrize(
    "value",
    [
        png(),
        b64(png()),
        "data:image/png;base64," + b64(png()),
        "prefix," + b64(png()),
        b64(png()).rstrip("=") + "\n",
    ],
)
def test_a_picture_is_recognised_in_every_wrapping(value):
    assert picture_bytes(value, wire("http://127.0.0.1:9")) == png()


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b64(png())[:-40], "cut off"),
        (b64(png())[:40], "cut off"),
        ("*not base64*", "cut off or no base64"),
        (b64(b"hello, this is text"), "is no picture"),
        (b64(bomb()), "megapixels"),
        (b64(bomb(11_000, 11_000)), "megapixels"),
        (b64(bomb(9_000, 9_000)), "megapixels"),
        ("", "is empty"),
        (b"", "is empty"),
        (7, "is missing"),
        (None, "is missing"),
        (b64(bomb(64, 64)), "cut off or damaged"),
    ],
)
def test_what_is_no_whole_picture_is_refused(value, sentence):
    with pytest.raises(BackendBroken, match=sentence):
        picture_bytes(value, wire("http://127.0.0.1:9"))


def test_a_bomb_is_refused_without_decoding_it():
    with pytest.raises(BackendBroken, match="megapixels"):  # what is decoded is "cut off" first
        picture_bytes(bomb(), wire("http://127.0.0.1:9"))


def test_a_picture_link_on_the_own_host_gets_the_key():
    with site({"GET /p.png": sends(png(), kind="image/png")}) as served:
        ours = wire(served.url, headers={"Authorization": "Bearer abcd"})
        assert picture_bytes(served.url + "/p.png", ours) == png()
        assert served.asked[0].headers["Authorization"] == "Bearer abcd"


def test_a_picture_link_elsewhere_gets_no_key():
    with site({"GET /p.png": sends(png(), kind="image/png")}) as other, site() as served:
        ours = wire(served.url, headers={"Authorization": "Bearer abcd"})
        assert picture_bytes(other.url + "/p.png", ours) == png()
        assert "Authorization" not in other.asked[0].headers


def test_a_server_on_the_internet_cannot_make_us_fetch_from_this_network():
    with site({"*": sends(png())}, prefix="/own") as inside:
        with pytest.raises(BackendBroken, match="not on the open internet"):
            picture_bytes(inside.url, wire("http://8.8.8.8"))
        assert inside.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a.png",
        "http://localhost/a.png",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
    ],
)
def test_a_start_image_link_may_not_reach_this_network(url):
    with pytest.raises(
        BadParams, match=r"not on the open internet.*SDPLAY_ALLOW_PRIVATE_URLS|no computer called"
    ):
        fetch_public(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://a/b",
        "gopher://a",
        "data:image/png;base64,AA",
        "a.png",
        "",
        "http://",
        "http://[::1",
        "http://a:b/",
    ],
)
def test_a_start_image_link_must_be_a_web_address(url):
    with pytest.raises(BadParams, match="not a web address"):
        fetch_public(url)


def test_public_addresses_pass_the_fence():
    assert all(
        public(ipaddress.ip_address(one))
        for one in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8")
    )


@pytest.fixture
def open_fence(monkeypatch):
    monkeypatch.setenv("SDPLAY_ALLOW_PRIVATE_URLS", "1")


@pytest.mark.usefixtures("open_fence")
def test_the_owner_can_allow_private_links():
    with site({"GET /a.png": sends(png(), kind="image/png")}) as served:
        assert fetch_public(served.url + "/a.png") == png()


def test_a_redirect_may_not_lead_behind_the_fence():
    """127.0.0.1 stands in for the internet, where tests may not go; 127.0.0.2 for what lies behind
    the fence."""
    with site({"*": sends(png())}) as inside:
        hidden = inside.url.replace("127.0.0.1", "127.0.0.2")
        with (
            site({"GET /a": sends(b"", 302, Location=hidden)}) as outside,
            pytest.raises(BadParams, match=r"127\.0\.0\.2"),
        ):
            download(outside.url + "/a", allowed=lambda address: str(address) == "127.0.0.1")
        assert (len(outside.asked), len(inside.asked)) == (1, 0)


@pytest.mark.usefixtures("open_fence")
@pytest.mark.parametrize(
    ("route", "sentence"),
    [
        (sends(b"", 404), "answered 404"),
        (sends("<html>", kind="text/html"), "is no picture"),
        (huge, "more than 32 MB"),
        (dying, "broke off"),
        (hanging_up, "does not answer"),
        (sends(bomb()), "megapixels"),
        (sends(b""), "is empty"),
        (sends(b"", 302, Location="/a"), "redirects too often"),
        (sends(png()[:-30]), "cut off"),
        (sends(b"", 302, Location="file:///etc/passwd"), "not a web address"),
        (sends(b"", 302, Location="http://[::1"), "no address"),
    ],
)
def test_a_bad_start_image_link_ends_in_a_sentence(route, sentence):
    with site({"*": route}) as served, pytest.raises(BadParams, match=sentence):
        fetch_public(served.url + "/a")


@pytest.mark.usefixtures("open_fence")
def test_a_link_is_shown_without_its_secrets():
    with site({"*": sends(b"", 403)}) as served, pytest.raises(BadParams) as caught:
        fetch_public(served.url.replace("://", f"://me:{SECRET}@") + f"/a?token={SECRET}")
    assert SECRET not in str(caught.value)


def test_a_countdown_yields_and_ends():
    seen = list(waiting(0.2, "Busy"))
    assert (seen[0].message, seen[0].seconds_left) == ("Busy (0 s left)", 0.2)


def test_a_countdown_is_told_though_its_time_has_passed_before_it_was(monkeypatch):
    clock = SimpleNamespace(monotonic=itertools.count().__next__, sleep=lambda seconds: None)
    monkeypatch.setattr("sdplay.http.wire.time", clock)
    assert [event.seconds_left for event in waiting(0.2, "Busy")] == [0.2]


@pytest.mark.usefixtures("open_fence")
@pytest.mark.parametrize("route", [dripping, dripping_chunks, dribbling])
def test_no_start_image_link_is_waited_for_without_end(route):
    before = timers()
    with site({"*": route}) as served, pytest.raises(BadParams):
        download(served.url + "/a", seconds=0.3)
    until(lambda: timers() <= before)


def timers():
    return {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}


def test_an_abandoned_call_ends_its_thread():
    with site({"GET /x": stalled}) as served:
        call = Call(lambda: wire(served.url).get("x", seconds=600))
        until(lambda: served.asked)
        assert not call.wait(0)
        call.abandon()
        assert call.wait(60)
        with pytest.raises(BackendBroken):
            call.result()


def test_a_call_hands_over_its_error():
    def fails():
        raise BackendBroken("gone")

    with pytest.raises(BackendBroken, match="gone"):
        Call(fails).result()


@pytest.mark.parametrize("url", ["http://localhost:1", "127.0.0.1:7860", "http://[::1]"])
def test_this_machine_is_known_by_its_addresses(url):
    assert on_this_machine(url)


@pytest.mark.parametrize("url", ["http://[", "http://example.com", "http://192.168.0.9:7860"])
def test_other_machines_are_not_this_one(url):
    assert not on_this_machine(url)


def test_an_address_that_cannot_be_read_is_not_repeated():
    assert bare("http://me:secret@[bad/fox.png") == "The address"
    assert bare("http://me:secret@host/fox.png?key=secret") == "http://host/fox.png"
