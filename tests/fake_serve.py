"""A process that answers like `python -m sdplay serve`, without torch: it is started, killed and
started again."""

import argparse
import base64
import io
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

SECONDS_A_STEP = 0.01


def main():
    given = arguments()
    threading.Thread(target=end_with_input, daemon=True).start()
    print("\x1b[32mloading\x1b[0m\n\nLoading:  0%|    |\rLoading: 50%|##  |\rLoading: 100%|####|")
    print(f"serving {given.model[0]}", flush=True)
    if given.model[0].endswith("broken.safetensors"):
        sys.exit("broken.safetensors is cut off. Fetch it again.")
    Handler.given = given
    ThreadingHTTPServer((given.host, given.port), Handler).serve_forever()


def arguments():
    asked = argparse.ArgumentParser()
    for name in ("--host", "--device", "--dtype", "--depth", "--tile"):
        asked.add_argument(name)
    asked.add_argument("--port", type=int)
    asked.add_argument("--model", action="append")
    return asked.parse_args()


def end_with_input():
    while os.read(0, 100):
        pass
    os._exit(0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answers = {
            "/health": {"status": "ready"},
            "/sdplay/v1/about": self.about(),
            "/sdapi/v1/memory": {"cuda": {"error": "unavailable"}},
        }
        self.answer(answers[self.path])

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != f"Bearer {os.environ['SDPLAY_LOCAL_TOKEN']}":
            self.send_error(401)
        elif self.path.endswith("/cancel"):
            self.answer({"cancelled": True})
        else:
            self.paint(body["params"])

    def paint(self, params):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        for step in range(params["steps"]):
            self.tell({"event": "step", "step": step + 1, "steps": params["steps"]})
            time.sleep(SECONDS_A_STEP)
            if params["prompt"] == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            if params["prompt"] == "endless":
                threading.Event().wait()
        data = io.BytesIO()
        Image.new("RGB", (params["width"], params["height"]), (params["seed"] % 256, 90, 20)).save(
            data, "PNG"
        )
        self.tell(
            {
                "event": "done",
                "image": base64.b64encode(data.getvalue()).decode(),
                "version": "fake",
                "seconds": {"sampling": 0.1},
                "applied": params,
                "warnings": [],
                "frames": [],
            }
        )

    def about(self):
        model = self.given.model[0]
        failed = "half" in model
        loaded = "" if failed or ("slow" in model and not os.path.getsize(model)) else model
        return {
            "version": "fake",
            "model": model,
            "loaded": loaded,
            "size": 128 if loaded else None,
            "failure": "Only half of it is there." if failed else "",
            "device": "cpu",
            "models": self.given.model,
            "versions": {name: name for name in self.given.model},
            "loras": ["ink"],
            "embeddings": ["paper"],
            "schedulers": ["euler"],
            "features": ["seed", "steps", "size", "progress", "cancel"],
            "upscalers": [],
            "hires_upscalers": [],
            "control_models": [],
            "control_modules": ["depth"] if self.given.depth else [],
            "at_once": 2,
            "limits": {"side": 1024, "steps": 500},
        }

    def tell(self, event):
        self.wfile.write(json.dumps(event).encode() + b"\n")
        self.wfile.flush()

    def answer(self, told):
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *told):
        """The log says only what matters."""


if __name__ == "__main__":
    main()
