"""Sweeps at work: shared batches, pause, cancel, retry and resume, and no picture made twice."""

import random
import threading
import time
from pathlib import Path

import pytest

from sdplay import work
from sdplay.backends import Capabilities, builtin
from sdplay.backends.a1111 import A1111
from sdplay.backends.builtin import Builtin
from sdplay.compare.axes import Setup
from sdplay.compare.plan import Facts, plan
from sdplay.errors import BackendOffline, BadParams
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import Progress, png_bytes
from sdplay.sweeps import Bench, Speeds, Sweep
from sdplay.work import evaluations
from tests.fakes import a1111
from tests.local_process import until
from tests.making import Held, Painter, colour, finished

BASE = Params("a fox", width=64, height=64, steps=2, scheduler="euler")


@pytest.fixture
def jobs(tmp_path):
    library = Library(tmp_path)
    yield Jobs(library)
    library.close()


def sweep(jobs, painter, axes, base=BASE, **more):
    bench = Bench({"painter": painter})
    speeds = Speeds(jobs.library.files.folder.parent / "speeds.json", jobs.estimates)
    made = plan(Setup("painter", base), axes, bench.facts("painter", jobs.library, speeds))
    return Sweep(made, bench, jobs, speeds=speeds, **more)


def states(run):
    return [result.state for result in run.results().values()]


def test_a_sweep_is_made_anew_where_that_is_wanted(jobs):
    painter, axes = Painter(), [("seed", "1-3")]
    assert sweep(jobs, painter, axes).start().wait(120)
    run = sweep(jobs, painter, axes, anew=True).start()
    assert run.wait(120)
    assert (states(run), len(painter.made)) == (["made"] * 3, 6)


def test_every_cell_is_made_and_measured(jobs):
    run = sweep(jobs, Painter(), [("seed", "1-3"), ("cfg", "3, 7")]).start()
    assert run.wait(120)
    result = run.results()[(1, 0)]
    assert states(run) == ["made"] * 6
    assert (result.cell.params.seed, len(result.pixels), result.seconds) == (2, 64, 1)
    assert result.load.process_ram_mb > 1
    assert result.load.cpu_percent >= 0


def test_running_again_makes_nothing_twice(jobs):
    painter = Painter()
    for _ in range(2):
        run = sweep(jobs, painter, [("seed", "1-4")]).start()
        run.wait(120)
    assert len(painter.made) == 4
    assert states(run) == ["reused"] * 4


PICTURE = png_bytes(colour())


class Hand:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


HELD_AT = (3 + 0.5 * work.sampled(BASE)) / 8


def test_an_interrupted_sweep_resumes_where_it_stopped(jobs):
    painter = Held(3)
    run = sweep(jobs, painter, [("seed", "1-8")]).start()
    until(lambda: states(run).count("made") == 3)
    run.cancel()
    assert run.wait(120)
    assert states(run) == ["made"] * 3 + ["cancelled"] * 5
    painter.most = 99
    again = sweep(jobs, painter, [("seed", "1-8")])
    assert again.plan.free == 3
    assert again.start().wait(120)
    assert sorted(params.seed for params in painter.made) == list(range(1, 9))


def test_the_bar_counts_the_steps_of_the_cell_at_work(jobs):
    run = sweep(jobs, painter := Held(3), [("seed", "1-8")]).start()
    until(lambda: states(run).count("made") == 3 and run.fraction == pytest.approx(HELD_AT))
    painter.most = 99
    assert run.wait(120)
    assert run.fraction == 1


def test_pause_lets_the_running_one_end_and_resume_goes_on(jobs):
    painter = Held(3)
    run = sweep(jobs, painter, [("seed", "1-8")]).start()
    until(lambda: states(run).count("made") == 3 and "running" in states(run))
    run.pause()
    painter.most = 99
    until(lambda: states(run).count("made") == 4)
    time.sleep(0.1)
    assert (run.paused, len(painter.made)) == (True, 4)
    run.resume()
    assert run.wait(120)
    assert states(run) == ["made"] * 8


def test_a_pause_is_no_time_at_work(jobs):
    hand = Hand()
    run = sweep(jobs, painter := Held(3), [("seed", "1-8")], now=hand).start()
    until(lambda: states(run).count("made") == 3 and "running" in states(run))
    run.pause()
    painter.most = 99
    until(lambda: not run.moving)
    time.sleep(0.1)
    before = run.seconds
    hand.now += 3600
    time.sleep(0.1)
    assert run.seconds == before
    run.resume()
    assert run.wait(120)
    assert run.seconds < 3600


def test_waiting_for_others_is_no_time_at_work(jobs):
    hand, painter = Hand(), Painter(60)
    others = jobs.submit(BASE.with_(seed=99), painter, "somebody else")
    until(lambda: others.state == "running")
    run = sweep(jobs, painter, [("seed", "1-2")], now=hand).start()
    until(lambda: states(run) == ["queued"] * 2)
    hand.now += 3600
    time.sleep(0.1)
    assert run.seconds == 0
    painter.pause.set()
    assert run.wait(120)
    assert run.seconds < 3600


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sweep_whose_thread_dies_says_so_and_goes_on_when_tried_again(jobs, monkeypatch):
    run = sweep(jobs, painter := Painter(), [("seed", "1-4")])
    spare, run._take_in = run._take_in, _dying
    assert run.start().wait(120)
    assert states(run) == ["cancelled"] * 4
    assert run.trouble.startswith("The sweep broke down inside the app")
    run._take_in = spare
    until(lambda: run.group not in [thread.name for thread in threading.enumerate()])
    run.retry()
    assert run.wait(120)
    assert (states(run), run.trouble, len(painter.made)) == (["made"] * 4, "", 4)


def _dying():
    raise SystemExit


def test_a_bug_in_one_turn_pauses_the_sweep_instead_of_losing_it(jobs):
    run = sweep(jobs, Painter(), [("seed", "1-4")])
    spare, run._ended = run._ended, lambda cell, job: {}[0]
    run.start()
    until(lambda: run.paused)
    run._ended = spare
    until(lambda: not run.moving)
    assert "something went wrong inside the app" in run.trouble
    run.resume()
    assert run.wait(120)
    assert set(states(run)) <= {"made", "failed"}
    run.retry()
    assert run.wait(120)
    assert set(states(run)) <= {"made", "reused"}


def test_the_standing_counts_what_is_there_and_what_is_at_work(jobs):
    run = sweep(jobs, painter := Held(3), [("seed", "1-8")]).start()
    until(lambda: states(run).count("made") == 3 and run.fraction == pytest.approx(HELD_AT))
    said = run.standing
    assert said.startswith("3 of 8 pictures · 1 in the making · 40 % of the work done · ")
    assert " left · " in said
    run.pause()
    assert " of work left · " in run.standing
    painter.most = 99
    run.resume()
    assert run.wait(120)
    assert run.standing.startswith("8 of 8 pictures · ")
    assert " of work, " in run.standing
    assert " left" not in run.standing


def test_one_cell_has_a_word_of_its_own(jobs):
    run = sweep(jobs, Painter(), [("seed", "7")]).start()
    assert run.wait(120)
    assert run.standing.startswith("1 of 1 picture · ")


def test_cells_without_an_evaluation_are_work_too(jobs):
    start = BASE.with_(init=PICTURE, steps=10)
    run = sweep(jobs, Held(3), [("strength", "0, 0.05, 0.09, 0.5")], start).start()
    until(lambda: states(run).count("made") == 3)
    assert run.plan.evaluations == 10
    low, high = run.seconds_left()
    assert 0 <= low <= high
    run.cancel()
    assert run.wait(120)


def test_a_failed_cell_tells_its_sentence_and_the_rest_goes_on(jobs):
    run = sweep(jobs, Painter(), [("prompt", "fox, refuse, owl")]).start()
    assert run.wait(120)
    assert states(run) == ["made", "failed", "made"]
    assert run.results()[(1,)].error == "The painter has no such colour. Choose another."


def test_one_cell_is_tried_again(jobs):
    class Moody(Painter):
        broken = True

        def generate(self, params):
            if self.broken and params.seed == 2:
                raise BackendOffline("Nobody is there. Start it.")
            return super().generate(params)

    painter = Moody()
    run = sweep(jobs, painter, [("seed", "1-3")]).start()
    run.wait(120)
    painter.broken = False
    run.retry((1,))
    assert run.wait(120)
    assert states(run) == ["made"] * 3
    assert len(painter.made) == 3


def test_the_sweep_waits_when_everything_fails_the_same_way(jobs):
    run = sweep(jobs, Painter(), [("seed", "1-20")], BASE.with_(prompt="refuse")).start()
    until(lambda: run.trouble)
    assert run.trouble.startswith(
        "Paused: 5 pictures in a row failed the same way. The painter has no such colour."
    )
    assert states(run).count("planned") > 5
    run.cancel()
    assert run.wait(120)


def test_equal_cells_share_one_picture(jobs):
    painter = Painter()
    run = sweep(jobs, painter, [("preset", "euler 2, scheduler=euler; steps=2")]).start()
    assert run.wait(120)
    first, second = run.results().values()
    assert len(painter.made) == 1
    assert (first.state, second.state, first.pixels) == ("made", "reused", second.pixels)


def test_a_full_queue_only_makes_the_sweep_wait(jobs, monkeypatch):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED", "1")
    run = sweep(jobs, Painter(), [("seed", "1-9")]).start()
    assert run.wait(120)
    assert states(run) == ["made"] * 9


def test_skipped_cells_are_never_made(jobs):
    painter = Painter()
    run = sweep(jobs, painter, [("seed", "1, SKIP: 2, 3")]).start()
    assert run.wait(120)
    assert states(run) == ["made", "skipped", "made"]


class Crowd(Painter):
    """Counts how many pictures it makes at the same time, and ends none before it is let."""

    name = "crowd"

    def __init__(self):
        super().__init__()
        self.now = self.most = 0
        self.counting, self.let = threading.Lock(), threading.Event()

    def probe(self):
        return Capabilities(
            at_once=4,
            features=frozenset({"size"}),
            schedulers=("euler", "ddim"),
            size_limits=(64, 256),
            size_step=32,
        )

    def generate(self, params):
        with self.counting:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            while not self.let.wait(0.01):
                yield Progress()
            yield from super().generate(params)
        finally:
            with self.counting:
                self.now -= 1


def test_as_many_cells_run_at_once_as_the_backend_wants(jobs):
    crowd = Crowd()
    bench = Bench({"crowd": crowd})
    run = Sweep(plan(Setup("crowd", BASE.with_(steps=10)), [("seed", "1-40")]), bench, jobs).start()
    until(lambda: crowd.most == 4)
    run.pause()
    crowd.let.set()
    until(lambda: crowd.now == 0)
    crowd.let.clear()
    crowd.most = 0
    run.resume()
    until(lambda: crowd.most == 4)
    crowd.let.set()
    assert run.wait(120)
    assert crowd.most == 4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scheduler": "lms"}, "Painter has no scheduler 'lms'. It has: euler, ddim."),
        ({"width": 80}, "Width must be a multiple of 32 from 64 to 256 for Painter, not 80."),
    ],
)
def test_what_a_backend_has_not_is_refused_before_the_first_picture(changes, sentence):
    with pytest.raises(BadParams) as told:
        list(Bench({"crowd": Crowd()}).check(Setup("crowd", BASE.with_(**changes))))
    assert str(told.value) == sentence


def test_settings_without_effect_on_a_backend_are_told():
    bench = Bench({"builtin": Builtin()})
    notes = list(bench.check(Setup("builtin", Params(clip_skip=2, width=128, height=128))))
    assert notes == ["Clip skip has no effect here: this backend has no such setting."]


def test_watched_pictures_go_before_a_sweeps_cells():
    params = Params(width=128, height=128)
    assert Builtin()._job(params).urgent
    assert not Bench().backend("builtin")._job(params).urgent


def test_the_backends_lists_are_the_axes_choices(jobs):
    offer = Bench({"crowd": Crowd()}).offer("crowd")
    assert offer.choices["scheduler"] == ("euler", "ddim")
    assert {"builtin", "crowd"} <= set(offer.choices["backend"])
    assert "model" not in offer.choices


def test_time_is_learnt_from_whole_sweeps(jobs, tmp_path):
    speeds = Speeds(tmp_path / "speeds.json", jobs.estimates)
    todo = [BASE.with_(seed=seed) for seed in range(4)]
    assert speeds.seconds("crowd", todo) is None
    for count, (least, most) in enumerate(((12, 28), (15, 25), (16, 24)), 1):
        speeds.learn("crowd", work.total(todo), 10.0)
        low, high = Speeds(tmp_path / "speeds.json", jobs.estimates).seconds("crowd", todo * 2)
        assert (low, high) == (pytest.approx(least), pytest.approx(most)), count


def test_an_unreadable_file_of_speeds_counts_as_nothing_known(jobs, tmp_path):
    (tmp_path / "speeds.json").write_text("{")
    assert Speeds(tmp_path / "speeds.json", jobs.estimates).seconds("crowd", [BASE]) is None


def test_the_estimate_holds_on_a_recorded_log(jobs, tmp_path):
    dice = random.Random(4)
    log = [
        Params(scheduler=name, steps=steps, cfg=5, width=64, height=64, seed=steps)
        for name in ("euler", "heun", "ddim")
        for steps in range(5, 45, 4)
    ]
    for params in log:
        seconds = evaluations(params) * 0.05 * dice.uniform(0.8, 1.3)
        jobs.library.save(finished(seconds, "painter", **params.changed()))
    planned = [params.with_(seed=900, steps=params.steps + 2) for params in log]
    low, high = Speeds(tmp_path / "speeds.json", jobs.estimates).seconds("painter", planned)
    assert low < sum(evaluations(params) * 0.05 * 1.05 for params in planned) < high
    assert (low + high) / 2 == pytest.approx(
        sum(evaluations(params) * 0.05 * 1.05 for params in planned), rel=0.2
    )


def test_pictures_without_frames_are_not_free_when_frames_are_wanted(jobs):
    painter = Painter()
    sweep(jobs, painter, [("seed", "1, 2")]).start().wait(120)
    facts = Bench({"painter": painter}, frames=True).facts(
        "painter", jobs.library, Speeds(Path("x"), jobs.estimates)
    )
    assert plan(Setup("painter", BASE), [("seed", "1-3")], facts).free == 0


def test_a_server_switches_its_model_once_for_each(jobs):
    with a1111() as fake:
        bench = Bench({"a1111": A1111(fake.url)})
        base = Setup("a1111", Params("a fox", width=64, height=64, steps=2, scheduler="euler"))
        made = plan(base, [("seed", "1-3"), ("model", "v1-5, other")], Facts(bench.offer("a1111")))
        assert Sweep(made, bench, jobs).start().wait(240)
        models = [body["override_settings"]["sd_model_checkpoint"] for body in fake.requests()]
    assert models == [fake.models[0]] * 3 + [fake.models[1]] * 3


class Counting:
    """The built-in model, noting how many rows every call had; the first one waits until all are
    there."""

    def __init__(self, model):
        self.model, self.rows, self.let = model, [], threading.Event()

    def __getattr__(self, name):
        return getattr(self.model, name)

    def denoise(self, x, times, meaning):
        self.let.wait(120)
        self.rows.append(len(x))
        return self.model.denoise(x, times, meaning)


def test_pictures_that_start_together_share_one_engine():
    builtin._loaded.cache_clear()
    engines = []
    threads = [
        threading.Thread(target=lambda: engines.append(builtin._engine()[0])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, engines))) == 1


def test_a_sweep_on_the_built_in_model_shares_batches(jobs, monkeypatch):
    counting = Counting(builtin._engine()[0].model)
    monkeypatch.setattr(builtin._engine()[0], "model", counting)
    base = Setup("builtin", Params("an apple", width=96, height=96, cfg=5, steps=3))
    run = Sweep(
        plan(base, [("scheduler", "euler, ddim, heun"), ("cfg", "1, 5"), ("steps", "3, 4")]),
        Bench(),
        jobs,
    )
    run.start()
    until(lambda: in_the_engine() == 12)
    counting.let.set()
    assert run.wait(240)
    assert states(run) == ["made"] * 12
    assert sum(counting.rows) == run.plan.evaluations
    assert max(counting.rows) >= 10
    assert len(counting.rows) < run.plan.evaluations / 3


def in_the_engine():
    """How many pictures the built-in model is asked for."""
    engine = builtin._engine()[0]
    return engine._new.qsize() + len(engine._runs)


def test_the_work_of_a_sweep_is_never_more_than_the_time_that_went_by(jobs, monkeypatch):
    counting = Counting(builtin._engine()[0].model)
    monkeypatch.setattr(builtin._engine()[0], "model", counting)
    base = Setup("builtin", Params("an apple", width=96, height=96, steps=4))
    made = plan(base, [("seed", "1-10"), ("cfg", "1, 5")])
    began = time.monotonic()
    run = Sweep(made, Bench(), jobs).start()
    until(lambda: in_the_engine() > 1)
    counting.let.set()
    assert run.wait(240)
    passed = time.monotonic() - began
    kept = jobs.library.total("", "")
    assert kept.count == 20
    assert 0 < kept.seconds <= passed
    assert 0 < run.seconds <= passed
    assert all(result.timing.at_once > 1 for result in run.results().values())
