"""Small real servers for the hosted endpoints: one for each preset, with the answers their makers
document."""

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fakes import b64, png, send, site

from tests.local_process import until

SCHEMA = json.loads(
    (Path(__file__).parent / "cog_predictor" / ".cog" / "openapi_schema.json").read_text()
)
"""What a real Cog made of the predictor beside it."""


@dataclass
class Hosted:
    """What every fake knows and does; a test changes it while it runs."""

    key: str = ""
    first: list = field(default_factory=list)
    """Routes that answer the first requests for a picture."""
    told: dict = field(default_factory=dict)
    """Laid over the answer."""
    colour: str = "teal"
    url: str = ""
    asked: list = field(default_factory=list)
    cancelled: list = field(default_factory=list)

    def bodies(self):
        """What was sent for pictures."""
        return [
            asked.json() for asked in self.asked if asked.method in ("POST", "PUT") and asked.body
        ]

    def answer(self, http, asked):
        if self.key and asked.headers.get("Authorization") not in (f"Bearer {self.key}", self.key):
            return send(
                http, {"detail": f"Invalid token {asked.headers.get('Authorization')}"}, 401
            )
        if asked.method == "GET":
            return self.look(http, asked)
        if asked.path.endswith("/cancel"):
            return self.cancel(http, asked)
        return self.first.pop(0)(http, asked) if self.first else self.make(http, asked)

    def look(self, http, asked):
        send(http, {"detail": "Method Not Allowed"}, 405)

    def cancel(self, http, asked):
        self.cancelled.append(asked.path.split("/")[-2])
        send(http, {})

    def picture(self, given):
        return png((int(given.get("width", 512)), int(given.get("height", 512))), self.colour)


class OctoAI(Hosted):
    def make(self, http, asked):
        send(http, {"image_0": b64(self.picture({}))} | self.told)


class OpenAI(Hosted):
    def look(self, http, asked):
        send(http, {"object": "list", "data": [{"id": "sdxl"}]})

    def make(self, http, asked):
        width, height = asked.json()["size"].split("x")
        data = [{"b64_json": b64(self.picture({"width": width, "height": height}))}]
        send(http, {"created": 1, "data": data} | self.told)


class HuggingFace(Hosted):
    def make(self, http, asked):
        send(http, self.picture(asked.json()["parameters"]), kind="image/png")


@dataclass
class Cog(Hosted):
    health: str = "READY"
    schema: dict | None = field(default_factory=lambda: SCHEMA)
    step_seconds: float = 0.0
    is_watched: bool = False
    """Each step lasts until somebody has looked at it."""
    seen: str = ""
    """The logs that somebody looked at last."""
    running: dict = field(default_factory=dict)
    """Logs of what is under way, by id."""

    def look(self, http, asked):
        if asked.path == "/openapi.json":
            return send(http, self.schema or {"error": "No schema"}, 200 if self.schema else 503)
        return (
            send(http, {"status": self.health})
            if asked.path == "/health-check"
            else send(http, {}, 404)
        )

    def make(self, http, asked):
        id, given = asked.path.split("/")[-1], asked.json()["input"]
        if logs := self.running.get(id):
            send(http, {"id": id, "logs": logs, "status": "processing"}, 202)
            self.seen = logs
            return None
        if "prompt" not in given:
            return send(
                http,
                {"detail": [{"loc": ["body", "input", "prompt"], "msg": "Field required"}]},
                422,
            )
        if given["prompt"] == "raise":
            return send(
                http,
                {"error": "Prediction failed: ValueError: too hot", "status": "failed", "id": id},
            )
        self.running[id] = f"Using seed: {given['seed']}\n"
        for step in range(1, steps := given["num_inference_steps"]):
            if id in self.cancelled:
                break
            time.sleep(self.step_seconds)
            self.running[id] += f"{100 * step // steps:3d}%|### | {step}/{steps}\n"
            if self.is_watched:
                until(lambda: self.seen == self.running[id])
        logs = self.running.pop(id)
        if id in self.cancelled:
            return send(http, {"id": id, "logs": "", "status": "canceled"})
        output = [f"data:image/png;base64,{b64(self.picture(given))}"]
        return send(
            http,
            {
                "id": id,
                "output": output,
                "logs": logs,
                "status": "succeeded",
                "metrics": {"predict_time": 0.0001},
            }
            | self.told,
        )


@dataclass
class Replicate(Hosted):
    polls: int = 2
    """Looks until a prediction has ended."""
    end: str = "succeeded"
    official: bool = False
    looks: list = field(default_factory=list)
    """Routes that answer the next looks at a prediction."""
    predictions: dict = field(default_factory=dict)

    def look(self, http, asked):
        path = asked.path.removeprefix("/v1/")
        if path.startswith("models/"):
            return (
                send(http, self.model(path))
                if "nobody" not in path
                else send(http, {"detail": "Not found"}, 404)
            )
        if path.startswith("files/"):
            return send(
                http, self.picture(self.predictions[path.split("/")[1]]["input"]), kind="image/png"
            )
        return (
            self.looks.pop(0)(http, asked)
            if self.looks
            else self.prediction(http, path.split("/")[-1])
        )

    def model(self, path):
        version = {
            "id": path.split("/versions/")[-1] if "/versions/" in path else "abc123",
            "openapi_schema": SCHEMA,
        }
        named = {
            "owner": "someone",
            "name": "fox",
            "description": "Draws foxes.",
            "is_official": self.official,
        }
        return version if "/versions/" in path else named | {"latest_version": version}

    def prediction(self, http, id):
        known = self.predictions[id]
        known["looks"] += 1
        ended = known["looks"] >= self.polls
        status = self.end if ended else "processing" if known["looks"] > 1 else "starting"
        output = [f"{self.url}/files/{id}"] if status == "succeeded" else None
        send(
            http,
            {
                "id": id,
                "status": status,
                "input": known["input"],
                "output": output,
                "error": None,
                "logs": "Using seed: 7\n 50%|####| 2/4"
                if status == "processing"
                else "Using seed: 7",
                "metrics": {"predict_time": 1.5} if ended else {},
            }
            | (self.told if ended else {}),
        )

    def make(self, http, asked):
        id = f"p{len(self.predictions)}"
        self.predictions[id] = {"input": asked.json()["input"], "looks": 0}
        send(http, {"id": id, "status": "starting", "output": None, "logs": "", "urls": {}}, 201)


KINDS = {
    "octoai": OctoAI,
    "cog": Cog,
    "replicate": Replicate,
    "openai-images": OpenAI,
    "hf-inference": HuggingFace,
}


@contextmanager
def hosted(preset, **state):
    """A running endpoint of that kind; `url` is what its owner would put into
    SDPLAY_PREDICT_URL."""
    fake = KINDS[preset](**state)
    with site({"*": fake.answer}) as served:
        fake.asked = served.asked
        fake.url = f"{served.url}/v1" if preset == "replicate" else served.url
        yield fake


def address(preset, fake):
    """The address with what the preset needs behind it."""
    return f"{fake.url}/models/someone/fox" if preset == "replicate" else fake.url
