"""No key on the screen, in a log or in a file: whatever spelling a server sends back."""

import base64
import json
import logging
from contextlib import closing
from urllib.parse import quote

import pytest

from sdplay.backends import Backend
from sdplay.backends.a1111 import A1111
from sdplay.backends.predict import Predict
from sdplay.errors import PlayError
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import Picture, Receipt, Timing
from sdplay.settings import without_secrets
from tests.fakes import b64, png, sends, site

KEY = 'k3y/+wörd"zz'
PATH_KEY = "ab12cd34ef56gh78"


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_AUTH", f"user:{KEY}")
    monkeypatch.setenv("SDPLAY_PREDICT_KEY", f"{KEY}-predict")
    monkeypatch.setenv("SDPLAY_DATABASE_URL", f"postgresql://me:{quote(KEY, safe='')}@host/name")


def spellings():
    whole = f"user:{KEY}"
    yield KEY
    yield whole
    yield quote(KEY)
    yield quote(KEY, safe="")
    yield json.dumps(KEY)
    yield f"Authorization: Basic {base64.b64encode(whole.encode()).decode()}"
    yield f"Basic {base64.b64encode(whole.encode()).decode().rstrip('=')}"
    yield f"postgresql://me:{quote(KEY, safe='')}@host/name"
    yield f"Bearer {KEY}-predict"


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("spelling", list(spellings()))
def test_every_spelling_of_a_key_is_blanked(spelling):
    told = without_secrets(f"The server said: {spelling}, and no more.")
    assert "•••" in told
    for hidden in (KEY, quote(KEY, safe=""), json.dumps(KEY)[1:-1], "dXNlcjp"):
        assert hidden not in told


@pytest.mark.parametrize(
    ("setting", "address", "hidden"),
    [
        ("SDPLAY_PREDICT_URL", "https://host/v1?api_key=sesame99", "sesame99"),
        ("SDPLAY_A1111_URL", f"https://host/{PATH_KEY}/sd", PATH_KEY),
        ("SDPLAY_A1111_URL", "https://sesame99@host/", "sesame99"),
        ("SDPLAY_LOCAL_URL", "http://me:sesame99@host", "sesame99"),
        ("SDPLAY_STORE_URL", "s3://id:sesame99@bucket/place", "sesame99"),
    ],
)
def test_a_key_inside_an_address_is_blanked(monkeypatch, setting, address, hidden):
    monkeypatch.setenv(setting, address)
    told = without_secrets(f"nothing answers at {address}, or {quote(address)}")
    assert hidden not in told


def test_the_parts_of_an_address_that_are_no_key_stay(monkeypatch):
    address = "http://host:7860/stable-diffusion-webui/v1"
    monkeypatch.setenv("SDPLAY_A1111_URL", address)
    assert without_secrets(f"at {address}") == f"at {address}"


def test_the_status_line_hides_a_key_in_the_path(monkeypatch):
    with site({"*": sends({"detail": "Not Found"}, 404)}) as served:
        monkeypatch.setenv("SDPLAY_A1111_URL", f"{served.url}/{PATH_KEY}")
        assert PATH_KEY not in A1111().probe().message


def test_a_key_in_the_query_is_not_shown_when_a_server_echoes_it(monkeypatch):
    with site({"*": sends({"detail": "bad api_key sesame99"}, 403)}) as served:
        monkeypatch.setenv("SDPLAY_PREDICT_URL", f"{served.url}?api_key=sesame99")
        monkeypatch.setenv("SDPLAY_PREDICT_PRESET", "octoai")
        with pytest.raises(PlayError) as raised:
            list(Predict().generate(Params(prompt="a fox")))
    assert "sesame99" not in str(raised.value)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("place", ["info", "parameters", "another text"])
def test_a_key_that_a_server_writes_into_its_answer_is_not_kept(place, tmp_path, monkeypatch):
    text = f"a fox\nSteps: 2, Sampler: {KEY}, CFG scale: 7, Seed: 1, Size: 64x64"
    data = png(text=text if place == "parameters" else "")
    if place == "another text":
        data = with_text(data, "Comment", f"made with {KEY}")
    info = json.dumps({"sampler_name": KEY, "infotexts": [text]}) if place == "info" else "{}"
    answer = {"images": [b64(data)], "info": info}
    routes = {"POST /sdapi/v1/txt2img": sends(answer), "*": sends({"detail": "Not Found"}, 404)}
    with site(routes) as served, closing(Library(tmp_path)) as library:
        *_, picture = A1111(served.url).generate(Params(prompt="a fox", width=64, height=64))
        saved = library.save(picture, "ann")
        held = library.data(saved)
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for form in (KEY, json.dumps(KEY)[1:-1]):
        assert form not in str(saved)
        assert form.encode() not in held
        assert not any(form.encode() in file for file in files)


def with_text(data, key, text):
    from sdplay.metadata import png as chunks

    return chunks.with_texts(data, {key: text})


@pytest.mark.usefixtures("keys")
def test_a_bug_is_logged_without_keys(tmp_path, caplog):
    class Broken(Backend):
        name = label = "broken"

        def model_version(self, params):
            return ""

        def generate(self, params):
            raise RuntimeError(f"bug with {KEY}")
            yield

    with closing(Library(tmp_path)) as library, caplog.at_level(logging.ERROR):
        job = Jobs(library).submit(Params(prompt="a fox"), Broken())
        assert job.wait(120)
    assert job.state == "failed"
    assert "RuntimeError" in caplog.text
    assert KEY not in caplog.text


def test_a_prompt_that_holds_a_short_password_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_AUTH", "user:pass")
    params = Params(prompt="a mountain pass", width=64, height=64)
    picture = Picture(png(), params, "test", Timing(1.0), Receipt(params.asked(), {}, {}))
    with closing(Library(tmp_path)) as library:
        saved = library.save(picture)
        assert library.get(saved.id).params.prompt == "a mountain pass"
        assert b"a mountain pass" in library.data(saved)
