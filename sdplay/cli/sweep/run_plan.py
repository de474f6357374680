"""What the command `sweep` does: read the plan, price it, follow the sweep, and end with one
line."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sdplay.backends import Capabilities
from sdplay.cli import progress_line
from sdplay.compare.axes import Offer, Setup
from sdplay.compare.evidence.findings import between, find_out
from sdplay.compare.experiment import Reproduction, read_experiment
from sdplay.compare.explore.refine import LEAST, CoarseToFine, refinable, refined_sentence
from sdplay.compare.guard import plan_sentence
from sdplay.compare.plan import Plan, plan
from sdplay.compare.planfile import Spec, read_grid, read_plan
from sdplay.compare.results import SPARED, Result
from sdplay.errors import BadParams, LibraryError
from sdplay.files.decode import read_picture
from sdplay.files.picture_file import PictureFile
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.metadata import SUFFIXES
from sdplay.settings import home, setting
from sdplay.sharing.room import queue_room
from sdplay.sweeps import Bench, Folder, Speeds, Sweep
from sdplay.sweeps.claims import OtherPlan
from sdplay.sweeps.folder import earlier, recalled, tree
from sdplay.sweeps.judged import matched_by
from sdplay.sweeps.machine.meter import Meter, resources_sentence
from sdplay.sweeps.upscale import Enlarged, Enlarging, Upscale
from sdplay.wording import many

PLAINEST = "Lanczos"
JOIN_TRIES, JOIN_SECONDS = 20, 0.1
"""How often and how long to wait for the plan of another machine that began in the same moment."""
KINDS = {".json": "json", ".toml": "toml", ".csv": "csv"}


@dataclass(frozen=True)
class Errand:
    """What was asked for, read from the plan file and the flags."""

    spec: Spec
    text: str
    """The plan file as it stands: an experiment file holds results to lay the new ones against."""
    out: Path
    images: Mapping[str, bytes]
    tree: Mapping[str, PictureFile]
    notes: tuple[str, ...]


def run(options: argparse.Namespace) -> int:
    """Run the command; 0 when every cell has its picture."""
    errand = _errand(options)
    if errand.spec.upscale > 1:
        return _upscale(options, errand)
    with tempfile.TemporaryDirectory() as aside:
        library = Library(Path(aside)) if options.fresh else Library.opened()
        try:
            return _sweep(options, errand, library)
        finally:
            library.close()


def _sweep(options: argparse.Namespace, errand: Errand, library: Library) -> int:
    queue_room()
    desk = _Desk(options, errand, library)
    planned, folder = desk.planned()
    _tell(
        plan_sentence(planned),
        planned.sentence,
        *errand.notes,
        *planned.notes,
        planned.cheaper.sentence if planned.cheaper else "",
        _coarse(planned),
    )
    if options.dry_run:
        return _end(options, errand, planned, {}, None, None)
    _confirm(options, planned)
    before = errand.text if _has_results(errand.text) else earlier(errand.out)
    planned, folder = desk.joined(planned, folder)
    try:
        return _run(desk, planned, folder, before)
    finally:
        folder.end()


@dataclass(frozen=True, eq=False)
class _Desk:
    """What a run of the command needs all along."""

    given: argparse.Namespace
    errand: Errand
    library: Library
    bench: Bench = field(default_factory=Bench)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self.library)

    @cached_property
    def speeds(self) -> Speeds:
        return Speeds(home() / "speeds.json", self.jobs.estimates)

    def planned(self) -> tuple[Plan, Folder]:
        """The plan and its folder; what lies there already costs nothing."""
        errand = self.errand
        name = self.given.backend or errand.spec.backend or setting("SDPLAY_BACKEND")
        spec = recalled(errand.spec, errand.out).settled()
        capabilities = self.bench.told(name)
        offer = Offer(pictures={**errand.images, **errand.tree})
        axes = [*spec.axes, *_tree_axis(errand, spec, capabilities)]
        base = Setup(name, spec.params(capabilities.defaults, errand.images))
        facts = self.bench.facts(name, self.library, self.speeds, extra=offer)
        planned = self._refined(plan(base, axes, facts))
        folder = Folder(errand.out, planned, self.bench.recipe, fresh=self.given.fresh)
        there = {cell.setup for cell in planned.cells if folder.there(cell)}
        if there:
            known = replace(facts, in_library=_in_folder_too(facts.in_library, there))
            planned = self._refined(plan(base, axes, known))
        return planned, folder

    def _refined(self, planned: Plan) -> Plan:
        return replace(planned, refine=self.given.refine or self.errand.spec.refine)

    def joined(self, planned: Plan, folder: Folder) -> tuple[Plan, Folder]:
        """Take part in the folder's sweep.  Where another machine drew its seeds of chance a moment
        earlier, its plan counts, which lies there soon; any other plan is refused."""
        for tries_left in range(JOIN_TRIES, -1, -1):
            try:
                folder.begin()
                break
            except OtherPlan:
                if not self.errand.spec.by_chance or not tries_left:
                    raise
                time.sleep(JOIN_SECONDS)
                planned, folder = self.planned()
        return planned, folder


def _in_folder_too(
    in_library: Callable[[Sequence[Setup]], set[int]], there: Set[Setup]
) -> Callable[[Sequence[Setup]], set[int]]:
    """What the library has and what the folder has."""
    return lambda setups: (
        in_library(setups) | {at for at, setup in enumerate(setups) if setup in there}
    )


def _coarse(planned: Plan) -> str:
    """How many cells coarse to fine begins with."""
    if not planned.refine:
        return ""
    if not refinable(planned):
        return (
            f"Coarse to fine saves nothing here: it needs an axis of numbers with {LEAST} values "
            "or more."
        )
    count = len(CoarseToFine(planned).first())
    return f"Coarse to fine: {many(count, 'cell')} first, then only where neighbours differ."


def _run(desk: _Desk, planned: Plan, folder: Folder, before: str) -> int:
    """Run the plan into the folder, beside others that do."""
    sweep = Sweep(planned, desk.bench, desk.jobs, speeds=desk.speeds, shared=folder)
    try:
        results = _follow(sweep, folder, desk.library)
        matched = matched_by(folder.picture)
        findings = find_out(planned, results, between(folder.picture), matched=matched)
        drift = folder.laid_against(results, before)
        sentences = [
            *_spared(planned, results),
            *([drift.sentence] if drift else []),
            *([sweep.trouble] if sweep.trouble else []),
        ]
        folder.finish(results, _title(planned), sentences, findings)
    finally:
        folder.account(_sums(sweep))
    _tell(*findings.sentences, *sentences, resources_sentence(sweep.meter))
    return _end(desk.given, desk.errand, planned, results, drift, sweep)


def _spared(planned: Plan, results: Mapping[tuple[int, ...], Result]) -> list[str]:
    cells = [results[cell.at].state for cell in planned.cells if not cell.skip]
    if not planned.refine or SPARED not in cells:
        return []
    return [refined_sentence(len(cells) - cells.count(SPARED), len(cells))]


def _sums(sweep: Sweep) -> dict[str, Any]:
    counts = sweep.counts()
    return {
        "plan": _title(sweep.plan),
        "seconds": round(sweep.seconds, 3),
        **{state: counts.get(state, 0) for state in ("made", "reused", "failed")},
        **sweep.meter.total.as_dict(),
        "energy_meters": sweep.meter.about_energy,
    }


def _errand(options: argparse.Namespace) -> Errand:
    """Read the plan file and the pictures that it names, which lie beside it."""
    file: Path = options.plan
    beside = file.parent
    text, spec = _text_and_spec(file)
    spec = replace(spec, backend=options.backend or spec.backend)
    embedded = dict(read_experiment(text).images) if file.suffix.lower() == ".json" else {}
    images = {
        name: embedded[name] if name in embedded else read_picture(beside / name, "The picture")
        for name in spec.picture_names
    }
    out = options.out or Path(f"{file.stem}-sweep")
    pictures, notes = tree(beside / spec.tree, without=out) if spec.tree else ({}, [])
    return Errand(spec, text, out, {**embedded, **images}, pictures, (*spec.notes, *notes))


def _text_and_spec(file: Path) -> tuple[str, Spec]:
    """The plan with the text that it stands in; a grid's text is no experiment file to lay results
    against."""
    suffix = file.suffix.lower()
    if suffix in SUFFIXES:
        return "", read_grid(_read(file))
    if suffix not in KINDS:
        raise BadParams(
            f"A plan is a .json, .toml or .csv file, or a grid that A1111 saved as a picture, "
            f"not {file.name!r}."
        )
    text = _read_text(file)
    return text, read_plan(text, KINDS[suffix], lambda name: _read_text(file.parent / name))


def _read_text(file: Path) -> str:
    """As spreadsheets and editors save it, with or without a mark for UTF-8."""
    try:
        return _read(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadParams(f"{file} is no text in UTF-8. Save it as UTF-8.") from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadParams(f"{file} could not be read: {error.strerror}.") from error


def _tree_axis(errand: Errand, spec: Spec, capabilities: Capabilities) -> list[tuple[str, Any]]:
    """The pictures of a tree as an axis of start images, each at its own size unless the plan sets
    one."""
    sized = {"width", "height"} & set(spec.base)
    rows = []
    for name, file in errand.tree.items():
        size = {} if sized else _size(file, capabilities)
        rows.append({"name": name, "init": name, **size})
    return [("preset", rows)] if rows else []


def _size(file: PictureFile, capabilities: Capabilities) -> dict[str, int]:
    """The picture's size as near as the backend takes it, its shape kept."""
    width, height = file.size
    low, high = capabilities.size_limits
    scale = min(1.0, high / max(width, height)) * max(1.0, low / min(width, height))
    sides = [
        max(low, min(high, round(side * scale / capabilities.size_step) * capabilities.size_step))
        for side in (width, height)
    ]
    return {"width": sides[0], "height": sides[1]}


def _confirm(options: argparse.Namespace, planned: Plan) -> None:
    if options.yes or not planned.needs_confirmation:
        return
    if not sys.stdin.isatty():
        raise BadParams(
            f"This makes {many(planned.pictures, 'picture')}, more than SDPLAY_SWEEP_LIMIT lets "
            "pass without asking. Add --yes, or take fewer values."
        )
    print(f"Make {many(planned.pictures, 'picture')}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise KeyboardInterrupt


def _follow(sweep: Sweep, folder: Folder, library: Library) -> dict[tuple[int, ...], Result]:
    """Start, write every cell as it ends, draw the bar; Ctrl-C stops the backend and keeps what
    there is."""
    written: dict[tuple[int, ...], Result] = {}
    last_trouble = ""
    try:
        sweep.start()
        while True:
            running = sweep.running
            _take(sweep, folder, library, written)
            progress_line.show(sweep.fraction, sweep.standing)
            if sweep.waits and sweep.trouble != last_trouble:
                last_trouble = sweep.trouble
                print(f"\n{last_trouble}", file=sys.stderr)
            if sweep.trouble and not sweep.waits:
                sweep.stop()
            if not running:
                return sweep.results() | written
            time.sleep(0.05)
    except KeyboardInterrupt:
        sweep.cancel()
        sweep.wait(15)
        _take(sweep, folder, library, written)
        folder.finish(sweep.results() | written, _title(sweep.plan), ["Stopped before the end."])
        progress_line.clear()
        done = sum(result.done for result in written.values())
        print(
            f"{done} of {many(len(sweep.plan.cells), 'picture')} {'is' if done == 1 else 'are'} "
            f"kept in {folder.path}. Run the same command again to go on.",
            file=sys.stderr,
        )
        raise
    finally:
        progress_line.clear()


def _take(
    sweep: Sweep, folder: Folder, library: Library, written: dict[tuple[int, ...], Result]
) -> None:
    """Write what ended since the last look; what lies in the folder already stays as it is."""
    for at, result in sweep.results().items():
        if at in written or not (result.done or result.state == "failed"):
            continue
        if result.file == folder.place(result.cell).as_posix():
            written[at] = result
        else:
            written[at] = folder.keep(result, _data(result, sweep, folder, library))


def _data(result: Result, sweep: Sweep, folder: Folder, library: Library) -> bytes | None:
    """The picture of a cell that has one; a twin's lies in the folder under the other's name."""
    if not result.done:
        return None
    if result.file:
        return _read(folder.path / result.file)
    picture = library.get(result.picture, sweep.owner)
    if picture is None:
        raise LibraryError(
            "A picture vanished from the library while the sweep ran. Run the same command again."
        )
    return library.data(picture)


def _end(
    options: argparse.Namespace,
    errand: Errand,
    planned: Plan,
    results: Mapping[tuple[int, ...], Result],
    drift: Reproduction | None,
    sweep: Sweep | None,
) -> int:
    """The last line, and the exit code."""
    states = [result.state for result in results.values()]
    seconds = sweep.seconds if sweep else 0.0
    cells = sum(not cell.skip for cell in planned.cells)
    count = {
        "made": states.count("made"),
        "reused": states.count("reused") if results else planned.free,
    }
    failed = cells - sum(count.values()) - states.count(SPARED) if results else 0
    fields = {
        "cells": cells,
        **count,
        "failed": failed,
        "spared": states.count(SPARED),
        "differs": len(drift.differs) if drift else 0,
        "evaluations": planned.evaluations,
        "estimate_seconds": round(sum(planned.seconds) / 2, 2) if planned.seconds else None,
        "seconds": round(seconds, 2),
        "dir": str(errand.out),
        "resources": sweep.meter.total.as_dict() if sweep else None,
    }
    if options.json:
        print(json.dumps(fields))
    elif results:
        print(
            f"{errand.out}  {many(cells, 'cell')}: {count['made']} made, {count['reused']} reused, "
            f"{failed} failed in {seconds:.1f} s of work"
        )
        for result in results.values():
            if result.error:
                print(f"  {result.cell.name}: {result.error}")
    return 1 if failed else 0


def _upscale(options: argparse.Namespace, errand: Errand) -> int:
    """The tree enlarged instead of drawn anew."""
    if not errand.tree:
        raise BadParams('To upscale, a plan needs a "tree": the folder with the pictures.')
    backend = Bench().backend(options.backend or errand.spec.backend)
    upscaler = _upscaler(backend.probe().upscalers, str(errand.spec.base.get("hires_upscaler", "")))
    meter = Meter()
    work = Upscale(
        errand.tree, Enlarging(backend, errand.spec.upscale, upscaler), errand.out, meter
    )
    _tell(
        f"{many(len(errand.tree), 'picture')} to enlarge {errand.spec.upscale:g} times by "
        f"{upscaler}.",
        *errand.notes,
    )
    ended = [] if options.dry_run else _enlarge_all(work)
    states = [enlarged.state for enlarged in ended]
    fields = {
        "cells": len(errand.tree),
        "made": states.count("made"),
        "reused": states.count("reused"),
        "failed": states.count("failed"),
        "spared": 0,
        "differs": 0,
        "evaluations": 0,
        "estimate_seconds": None,
        "seconds": round(sum(enlarged.seconds for enlarged in ended), 2),
        "dir": str(errand.out),
        "resources": None if options.dry_run else meter.total.as_dict(),
    }
    if not options.dry_run:
        _tell(resources_sentence(meter))
    print(
        json.dumps(fields)
        if options.json
        else f"{errand.out}  {fields['made']} made, {fields['reused']} reused, "
        f"{fields['failed']} failed in {fields['seconds']:.1f} s"
    )
    return 1 if fields["failed"] else 0


def _upscaler(offered: Sequence[str] | None, name: str) -> str:
    """The upscaler that the plan names, or the plainest there is."""
    if offered is None:
        return name or PLAINEST
    able = [option for option in offered if option != "None" and not option.startswith("Latent")]
    if name and name not in able:
        raise BadParams(
            f"There is no upscaler called {name!r} for finished pictures. There are: "
            f"{', '.join(able) or 'none'}. Name one in the plan's base as hires_upscaler."
        )
    return name or (PLAINEST if PLAINEST in able else (able or [PLAINEST])[0])


def _enlarge_all(work: Upscale) -> list[Enlarged]:
    ended: list[Enlarged] = []
    try:
        for enlarged in work.run():
            ended.append(enlarged)
            progress_line.show(*_enlarging_line(ended, len(work.pictures)))
            if enlarged.error:
                progress_line.clear()
                _tell(f"{enlarged.name}: {enlarged.error}")
    except KeyboardInterrupt:
        progress_line.clear()
        _tell(
            f"{sum(each.state != 'failed' for each in ended)} of "
            f"{many(len(work.pictures), 'picture')} lie in {work.out}. Run the same command again "
            "to go on."
        )
        raise
    finally:
        progress_line.clear()
    return ended


def _enlarging_line(ended: Sequence[Enlarged], count: int) -> tuple[float, str]:
    seconds = [enlarged.seconds for enlarged in ended if enlarged.state == "made"]
    pace = f"{sum(seconds) / len(seconds):.1f} s a picture" if seconds else ""
    return len(ended) / count, ", ".join(filter(None, (f"{len(ended)} of {count}", pace)))


def _title(planned: Plan) -> str:
    names = " × ".join(varied.axis.label for varied in planned.varied)
    return ": ".join(filter(None, (names, planned.base.params.prompt[:80]))) or "Sweep"


def _has_results(text: str) -> bool:
    try:
        return bool(read_experiment(text).cells)
    except BadParams:
        return False


def _tell(*sentences: str) -> None:
    """What a person wants to know on the way; the last line of output stays free for JSON."""
    for sentence in filter(None, sentences):
        print(sentence, file=sys.stderr)
