"""The local process answers every wrong body with a sentence: cases found by hand, and its own
OpenAPI fuzzed."""

import asyncio
import contextlib
import json

import pytest
import requests

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")
pytest.importorskip("schemathesis", reason="pip install '.[dev]' brings it")

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, openapi

from sdplay.server.limits import Doorman, Limits
from tests.local_process import shared

SMALL = '"width": 64, "height": 64, "steps": 1, "seed": 5'
LONG = json.dumps("fox " * 300_000)
BODIES = {
    "a number that is none": ("sdapi/v1/txt2img", f'{{{SMALL}, "cfg_scale": NaN}}'),
    "steps that are none": ("sdapi/v1/txt2img", '{"steps": NaN}'),
    "an endless seed": ("sdapi/v1/txt2img", '{"seed": -Infinity}'),
    "half a character": ("sdapi/v1/txt2img", f'{{{SMALL}, "prompt": "\\ud800"}}'),
    "half a character in a name": ("sdapi/v1/txt2img", f'{{{SMALL}, "\\ud800": 1}}'),
    "a prompt without end": ("sdapi/v1/txt2img", f'{{{SMALL}, "prompt": {LONG}}}'),
    "our steps that are none": ("sdplay/v1/pictures", '{"params": {"steps": NaN}}'),
    "our endless seed": ("sdplay/v1/pictures", '{"params": {"seed": -Infinity}}'),
    "numbers for units": ("sdplay/v1/pictures", '{"params": {"control": [1]}}'),
    "a word for units": ("sdplay/v1/pictures", '{"params": {"control": "abc"}}'),
    "a unit of something else": (
        "sdplay/v1/pictures",
        '{"params": {"control": [{"image": "sha256:a", "foo": 1}]}}',
    ),
    "a number for a picture": ("sdplay/v1/pictures", '{"params": {"init": 5}}'),
    "our half a character": ("sdplay/v1/pictures", '{"params": {"prompt": "\\udfff"}}'),
    "our prompt without end": ("sdplay/v1/pictures", f'{{"params": {{"prompt": {LONG}}}}}'),
    "a word for a weight": (
        "sdapi/v1/txt2img",
        f'{{{SMALL}, "alwayson_scripts": {{"controlnet": {{"args": [{{"weight": "x"}}]}}}}}}',
    ),
    "a word for clip skip": (
        "sdapi/v1/txt2img",
        f'{{{SMALL}, "override_settings": {{"CLIP_stop_at_last_layers": "x"}}}}',
    ),
    "no JSON": ("sdapi/v1/txt2img", "{"),
    "ten thousand brackets": ("sdapi/v1/txt2img", "[" * 100_000),
}


@pytest.fixture(scope="module")
def server():
    return shared()


@pytest.mark.parametrize("name", BODIES)
def test_a_wrong_body_is_answered_with_a_sentence(server, name):
    path, body = BODIES[name]
    answer = requests.post(
        f"{server.url}/{path}",
        data=body.encode(),
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    assert 400 <= answer.status_code < 500
    assert len(answer.json()["detail"].split()) > 3


def test_a_body_that_never_arrives_is_not_waited_for():
    async def never():
        await asyncio.sleep(60)

    async def ask():
        doorman = Doorman(None, limits=Limits(body_seconds=0.05))
        return await asyncio.wait_for(doorman._measured(never)(), 30)

    assert asyncio.run(ask()) == {"type": "http.disconnect"}


SMALL_VALUES = {"width": 64, "height": 64, "steps": 1, "batch_size": 1, "n_iter": 1}


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_process_holds_while_its_own_schema_is_fuzzed(server, mode):
    """Right, odd and wrong values for every operation: never a bare failure, never a hang."""
    schema = openapi.from_url(f"{server.url}/openapi.json")
    for operation in schema.get_all_operations():

        @settings(
            max_examples=6,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.ok().as_strategy(generation_mode=mode))
        def fuzz(case):
            if isinstance(case.body, dict):
                numbers = {n: v for n, v in SMALL_VALUES.items() if is_count(case.body.get(n, v))}
                case.body = {**case.body, **numbers}
            answer = case.call(base_url=server.url, timeout=60)
            assert answer.status_code < 500, (case.as_curl_command()[:1000], answer.text[:500])

        # Nothing can be wrong in a request without values.
        with contextlib.suppress(Unsatisfiable):
            fuzz()
    assert requests.get(f"{server.url}/health", timeout=10).status_code == 200


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool)
