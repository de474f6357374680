"""Drawing on the page as a person does, and a server whose pictures come when they like."""

import base64
import io
import random
import threading
import time
from dataclasses import dataclass, field

from PIL import Image, ImageOps

from tests.fakes import b64, infotext, png, send

INK = "canvas.ink"


def sketch(tab, address, query="steps=2"):
    """The tab, ready to be drawn on."""
    tab.goto(f"{address}?view=Sketch&{query}")
    tab.locator(INK).wait_for()
    tab.locator("[data-tool=pen][aria-checked]").wait_for()
    tab.locator("[data-test-script-state=notRunning]").wait_for()
    still(tab)
    return tab


def still(tab):
    """Once the canvas stands where it stays: what comes late above it would move it away under a
    stroke."""
    places_seen = [None]
    while len(places_seen) < 5 or len({str(place) for place in places_seen[-4:]}) > 1:
        places_seen.append(tab.locator(INK).bounding_box())
        tab.wait_for_timeout(100)


def places(tab, *shares):
    """Points of the canvas, given as shares of it, on the screen."""
    tab.locator(INK).scroll_into_view_if_needed()
    box = tab.locator(INK).bounding_box()
    return [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in shares]


def stroke(tab, *shares):
    """By mouse."""
    start, *way = places(tab, *shares)
    tab.mouse.move(*start)
    tab.mouse.down()
    for point in way:
        tab.mouse.move(*point, steps=6)
    tab.mouse.up()


def pen(tab, *pressed):
    """By pen: points as (x, y, pressure)."""
    shares = places(tab, *((x, y) for x, y, _ in pressed))
    session = tab.context.new_cdp_session(tab)
    kinds = ["mousePressed", *["mouseMoved"] * (len(pressed) - 2), "mouseReleased"]
    for kind, (x, y), (_, _, force) in zip(kinds, shares, pressed, strict=True):
        lifted = kind == "mouseReleased"
        session.send(
            "Input.dispatchMouseEvent",
            {
                "type": kind,
                "x": x,
                "y": y,
                "pointerType": "pen",
                "button": "left" if kind != "mouseMoved" else "none",
                "buttons": 0 if lifted else 1,
                "clickCount": int(kind != "mouseMoved"),
                "force": 0 if lifted else force,
            },
        )


def fingers(tab, *frames):
    """By fingers: each frame holds the place of every finger, as shares."""
    session = tab.context.new_cdp_session(tab)
    for kind, frame in zip(["touchStart", *["touchMove"] * (len(frames) - 1)], frames, strict=True):
        touched = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(places(tab, *frame))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def screen(tab):
    """The canvas as it stands on the screen."""
    tab.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    text = tab.locator(INK).evaluate("ink => ink.toDataURL()")
    return Image.open(io.BytesIO(base64.b64decode(text.split(",")[1]))).convert("RGB")


def colour(image, x, y):
    return image.getpixel((int(image.width * x), int(image.height * y)))


def dark(image, x, y):
    return sum(colour(image, x, y)) < 300


def thickness(image, x):
    """The dark pixels above each other at that share of the width."""
    at = int(image.width * x)
    return sum(sum(image.getpixel((at, y))) < 300 for y in range(image.height))


def saved(tab):
    """The PNG that Save as PNG gives."""
    with tab.expect_download() as download:
        tab.get_by_label("Save as PNG").click()
    return Image.open(download.value.path()).convert("RGB")


@dataclass
class Unsteady:
    """Answers of an A1111 server that take as long as they like and fail as often; a picture is
    its drawing's negative, so that each tells which drawing it came from."""

    seconds: tuple[float, float] = (0.0, 0.0)
    failing: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    drawings: list = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put_into(self, fake):
        """In place of the fake's own pictures."""
        fake.site.routes["POST /sdapi/v1/img2img"] = lambda http, asked: self.answer(
            fake, http, asked
        )
        return self

    def answer(self, fake, http, asked):
        body = asked.json()
        drawing = base64.b64decode(body["init_images"][0].split(",")[-1])
        with self.lock:
            self.drawings.append(drawing)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            wait, fails = self.chance.uniform(*self.seconds), self.chance.random() < self.failing
        time.sleep(wait)
        with self.lock:
            self.at_once -= 1
        if fails:
            send(http, {"detail": "out of memory"}, 500)
            return
        done = fake.applied(body)
        picture = png((done["width"], done["height"]), text=infotext(done))
        answer = {"images": [b64(negative(drawing, picture))], "parameters": body}
        send(http, answer | {"info": fake.info(done)})


def negative(drawing, like):
    """The drawing's negative, with the text of that picture."""
    with Image.open(io.BytesIO(drawing)) as opened, Image.open(io.BytesIO(like)) as model:
        inverted = ImageOps.invert(opened.convert("RGB"))
        text = model.info.get("parameters", "")
    return png_with(inverted, text)


def png_with(image, text):
    from PIL import PngImagePlugin

    chunks, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    chunks.add_text("parameters", text)
    image.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def result(tab):
    """The picture that stands beside the drawing."""
    tab.locator("figure img[src]").wait_for()
    text = tab.locator("figure img").get_attribute("src")
    return Image.open(io.BytesIO(base64.b64decode(text.split(",")[1]))).convert("RGB")
