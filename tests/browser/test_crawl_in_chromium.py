"""Every control of the page in every state, pressed once: something comes of it, at once, and
nothing breaks."""

import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from sdplay.library import Library
from tests.browser.chaining import followed
from tests.browser.crawling import Crawl, State
from tests.fakes import a1111, png
from tests.fakes_predict import hosted
from tests.local_process import free_port
from tests.making import finished
from tests.serving import SLOW, served
from tests.sketching import still, stroke

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
OWNER = "c" * 32
EXCEPTIONS = (
    ("'Blink'", "the pictures change places by themselves, which is what it is for"),
    ("'Play along", "the flipbook turns its pages by itself, which is what it is for"),
    ("'Stop along", "so it does until it is stopped"),
    ("Built-in model's weights ·", "the memory that a process holds changes by itself"),
    ("radio 'Flipbook'", "the large picture takes the thumbnail's place a moment later"),
    ("out of 5 stars' in dialog", "the tiles behind the drawer are drawn when it closes"),
    ("stMultiSelectTagsContainer", "Streamlit's: the field for typing stands after the chips"),
)
"""What may be as it is: a part of the fault's sentence, and why."""


def sweep(query):
    """A state in which a sweep was begun."""

    def begin(page):
        page.goto(f"{page.url.split('?')[0]}?view=Compare&{query}")
        page.locator(".st-key-run button").click(timeout=SLOW)
        page.locator("table[role=grid]").wait_for(timeout=SLOW)

    return begin


def swept(query):
    def begin(page):
        sweep(query)(page)
        page.get_by_text("Take it away").wait_for(timeout=SLOW)

    return begin


def generating(page):
    for _ in range(2):
        page.locator(".st-key-go button").click(timeout=SLOW)
        page.locator(".st-key-cancel button").wait_for(timeout=SLOW)


def taught(page):
    page.locator(".st-key-predict_seed label").nth(2).click()
    page.locator(".st-key-lesson_run button:not([disabled])").click()
    page.locator(".st-key-lesson_next").wait_for(timeout=SLOW)


def filmed(page):
    page.get_by_label("Frames", exact=True).fill("3", timeout=SLOW)
    page.locator(".st-key-reel_go button").click(timeout=SLOW)
    page.get_by_text("3 of 3 frames", exact=True).wait_for(timeout=SLOW)


def guided(page):
    """A drawing that steers a picture."""
    page.locator("[data-tool=pen][aria-checked]").wait_for(timeout=SLOW)
    still(page)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    page.locator(".st-key-sketch_go button").click(timeout=SLOW)
    page.get_by_text("Up to date").wait_for(timeout=SLOW)


LONG = "steps=400&width=256&height=256"
STATES = {
    "empty": {},
    "with pictures": {"owner": OWNER},
    "a lesson done": {"query": "lesson=seed", "tabs": ("Learn",), "begin": taught},
    "a film made": {"query": "steps=2", "tabs": ("Film",), "begin": filmed},
    "a picture at work": {
        "query": LONG,
        "tabs": ("Generate",),
        "begin": generating,
        "moving": True,
        "server": "own_server",
    },
    "a sweep at work": {
        "query": f"{LONG}&x_values=400,410,420",
        "tabs": ("Compare",),
        "begin": sweep(f"{LONG}&x_values=400,410,420"),
        "moving": True,
        "server": "own_server",
    },
    "a sweep done": {
        "query": "steps=2&x_values=2,3&y_axis=seed&y_values=1-2",
        "tabs": ("Compare",),
        "begin": swept("steps=2&x_values=2,3&y_axis=seed&y_values=1-2&z_axis=cfg&z_values=1,3"),
    },
    **{
        f"{backend} {health}": {
            "query": f"backend={backend}&steps=2",
            "tabs": ("Generate", "Compare"),
        }
        for backend in ("a1111", "predict", "local")
        for health in ("up", "down")
    },
    "a drawing that guides": {
        "query": "backend=a1111&steps=2&width=128&height=128&sketch_as=Guide",
        "tabs": ("Sketch",),
        "begin": guided,
        "server": "guiding_server",
    },
    "a chain done": {"query": "steps=2", "tabs": ("Compare",), "begin": followed},
}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    return Crawl(given(tmp_path_factory.mktemp("given")))


def given(folder):
    """A zip of pictures, a table as a plan, and a picture with settings inside."""
    picture, packed, table = (folder / f"given.{end}" for end in ("png", "zip", "csv"))
    picture.write_bytes(
        png(text="a given fox\nSteps: 5, Sampler: Euler, CFG scale: 4, Seed: 5, Size: 64x64")
    )
    with zipfile.ZipFile(packed, "w") as file:
        file.write(picture, picture.name)
    table.write_text("prompt,steps\na fox,2\nan owl,3\n")
    return {".zip": packed, ".csv": table, ".png": picture}


@pytest.fixture(scope="module")
def addresses(browser, tmp_path_factory):
    """A page whose servers answer, and one whose servers are down."""
    home = tmp_path_factory.mktemp("crawl")
    stocked(home)
    with ExitStack() as stack:
        forge = stack.enter_context(a1111())
        cog = stack.enter_context(hosted("cog"))
        nowhere = f"http://127.0.0.1:{free_port()}"
        up, first = served(
            home,
            SDPLAY_A1111_URL=forge.url,
            SDPLAY_PREDICT_URL=cog.url,
            SDPLAY_LOCAL_URL=nowhere,
        )
        down, second = served(
            tmp_path_factory.mktemp("down"),
            SDPLAY_A1111_URL=nowhere,
            SDPLAY_PREDICT_URL=nowhere,
            SDPLAY_LOCAL_URL=nowhere,
        )
        yield {"up": first, "down": second}
        for process in (up, down):
            process.terminate()
            process.wait()


def stocked(home):
    """Pictures of two prompts: starred, shared, with frames, in the bin."""
    library = Library(Path(home))
    for seed in range(8):
        kept = library.save(finished(prompt="a fox" if seed < 5 else "a robot", seed=seed), OWNER)
        if seed == 2:
            library.update(kept, OWNER, stars=4, tags=["good"], note="soft")
        if seed == 3:
            library.share(kept, OWNER, True)
        if seed == 4:
            library.delete(kept, OWNER)
    library.close()


@pytest.fixture
def own_server(tmp_path):
    """A page for long work, which ends with its test: nothing after it waits for the engine."""
    process, url = served(tmp_path)
    yield url
    process.terminate()
    process.wait()


@pytest.fixture
def guiding_server(tmp_path):
    """A page whose A1111 has ControlNet."""
    with a1111(extras=("controlnet", "openapi")) as forge:
        process, url = served(tmp_path, SDPLAY_A1111_URL=forge.url)
        yield url
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("name", STATES)
def test_every_control_acts_at_once_and_nothing_breaks(
    browser, addresses, crawl, name, capsys, request
):
    about = dict(STATES[name])
    owner = about.pop("owner", "")
    address = addresses["down" if name.endswith("down") else "up"]
    if server := about.pop("server", ""):
        address = request.getfixturevalue(server)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    if owner:
        context.add_cookies([{"name": "sdplay_owner", "value": owner, "url": address}])
    crawl.faults.clear()
    pressed = len(crawl.pressed)
    state = State(name, address, **about)
    page = crawl.visit(context, state)
    crawl.narrow(page, state)
    context.close()
    new = len(crawl.pressed) - pressed
    with capsys.disabled():
        print(f"\n{name}: {new} controls pressed, {len(crawl.pressed)} in all")
    faults = [each for each in crawl.faults if not any(part in each for part, _ in EXCEPTIONS)]
    assert not faults, "\n".join(faults)


def test_the_crawl_finds_one_fault_of_each_kind(browser, tmp_path):
    process, url = served(tmp_path, Path(__file__).parent / "faulty_page.py")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    crawl = Crawl({})
    crawl.visit(context, State("faulty", url, tabs=("Generate",)))
    context.close()
    process.terminate()
    process.wait()
    told = "\n".join(crawl.faults)
    for fault in (
        "'Does nothing' in main/: has no effect",
        "'Comes late' in main/: acts at the next run only",
        "'Breaks' in main/: ",
        "A wide line",
        "is cut, and has no title",
        "404: ",
    ):
        assert fault in told
    assert "'Works'" not in told
