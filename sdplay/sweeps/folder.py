"""A sweep's folder: pictures under the names of the axes, results.csv, sheet, report and experiment
file."""

import hashlib
import json
import math
import re
import socket
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from sdplay.compare.axes import Setup
from sdplay.compare.evidence.findings import Findings
from sdplay.compare.evidence.measures import difference, look, pixels_hash
from sdplay.compare.experiment import Reproduction, read_experiment, reproduced, write_experiment
from sdplay.compare.exports.report import report
from sdplay.compare.exports.rows import HEADER, Measured, measures, row
from sdplay.compare.exports.sheet import sheet
from sdplay.compare.plan import Cell, Plan, Varied
from sdplay.compare.planfile import Spec, outline, plan_of
from sdplay.compare.results import LOAD_COLUMNS, Result
from sdplay.errors import BadParams, LibraryError, PlayError
from sdplay.files.picture_file import PictureFile
from sdplay.files.whole_file import HALF, put_aside, sweep_up, write_whole
from sdplay.library import Recipe
from sdplay.metadata import adopted, decoded, read
from sdplay.params import KNOBS, Params
from sdplay.picture import Timing
from sdplay.sweeps.claims import Claims
from sdplay.sweeps.ledger import Ledger

Results = Mapping[tuple[int, ...], Result]
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
HIDDEN = ".sweep"
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for its devices."""
NO_PICTURE = "was left out: it is no picture file."
RUN_COLUMNS = (
    "when",
    "host",
    "plan",
    "seconds",
    "made",
    "reused",
    "failed",
    *LOAD_COLUMNS,
    "energy_meters",
)
_DEFAULTS = Params().as_dict()


class Folder:
    """Where one sweep is written.  Running again adds to it and never wipes, and several machines
    may run the same plan into it at once.

    In `.sweep` lie a record for each row of results.csv and the claims of the runs at work.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        recipe: Callable[[Setup], Recipe] = lambda setup: Recipe(setup.params, setup.backend),
        *,
        fresh: bool = False,
    ) -> None:
        """`recipe` names what makes a cell's picture; `fresh` takes none that is there already."""
        self.path, self.plan, self.fresh = path, plan, fresh
        self.claims = Claims(path / HIDDEN)
        self.rows = Ledger(path / HIDDEN / "cells", path / "results.csv", (*HEADER, "host"))
        self.runs = Ledger(path / HIDDEN / "runs", path / "runs.csv", RUN_COLUMNS)
        self._recipe = recipe
        self._recipes: dict[Setup, Recipe] = {}
        self._names = [_names(varied) for varied in plan.varied]
        self._first_cell = next((cell for cell in plan.cells if not cell.skip), None)
        self._reference: Image.Image | None = None

    def begin(self) -> "Folder":
        """Take part: say that this run is here, and write the plan; refuses beside another plan."""
        text = json.dumps(outline(self.plan), ensure_ascii=False, indent=1)
        version = self._recipe_of(self.plan.base).key
        self.claims.join(_digest(version, text))
        sweep_up(self.path.rglob(HALF))
        _write(self.path / "plan.json", text.encode("utf-8", "backslashreplace"))
        return self

    def end(self) -> None:
        """End the part in the sweep, so that other runs take over what is open."""
        self.claims.leave()

    def place(self, cell: Cell) -> Path:
        """The picture's path inside the folder: a folder for each axis, the last one names the
        file."""
        parts = [part for names, at in zip(self._names, cell.at, strict=True) for part in names[at]]
        if len(parts) == 1 and len(self.plan.varied) == 1 and "=" in parts[0]:
            parts = parts[0].split("=", 1)
        *folders, name = parts or ["picture"]
        return Path(*folders, f"{name}.png")

    def admit(self, cell: Cell) -> Result | bool:
        """The cell's picture when it is there already, else whether this run may make it now."""
        if result := self.finished(cell):
            return result
        path = self.place(cell).as_posix()
        if not self.claims.take(path):
            return False
        # Another run may have finished it after the first look and before the claim.
        if result := self.finished(cell, unrecorded=True):
            if self.rows.get(self._record_name(cell)) is None:
                self._record(replace(result, state="made"))
            self.claims.give_back(path)
            return result
        return True

    def share(self, cells: int) -> int:
        """How many of so many open cells this run may have at work while others are here too."""
        others = self.claims.others
        return math.ceil(cells / (others + 1)) if others else cells

    def finished(self, cell: Cell, *, unrecorded: bool = False) -> Result | None:
        """What an earlier run, or another machine, made of this cell with the same recipe."""
        if self.fresh:
            return None
        record = self.rows.get(self._record_name(cell))
        if record is not None:
            return self._of_record(cell, record)
        return self._of_picture(cell) if unrecorded else None

    def there(self, cell: Cell) -> bool:
        """Whether nothing need be made for this cell."""
        return not cell.skip and self.finished(cell, unrecorded=True) is not None

    def keep(self, result: Result, data: bytes | None) -> Result:
        """Write one ended cell: its picture, and its record, which becomes a row of results.csv."""
        if result.state == "reused" and (there := self.finished(result.cell)):
            return there
        path = self.place(result.cell)
        if data is not None:
            self._put_aside(result.cell, path, data)
            _write(self.path / path, data)
        if result.done:
            result = replace(result, file=path.as_posix())
        self._record(result)
        self.claims.give_back(path.as_posix())
        self.rows.merge_now_and_then()
        return result

    def finish(
        self,
        results: Results,
        title: str,
        sentences: Iterable[str] = (),
        findings: Findings | None = None,
    ) -> None:
        """Write what is drawn from all cells together."""
        self._measure()
        self.rows.merge()
        drawn = sheet(self.plan, results, self.picture)
        _write(self.path / "sheet.png", drawn.png)
        lines = [*sentences, *([drawn.note] if drawn.note else [])]
        _write(
            self.path / "report.html",
            report(
                self.plan,
                results,
                self.picture,
                title=title,
                sentences=lines,
                findings=findings,
            ).encode("utf-8", "replace"),
        )
        text = write_experiment(self.plan, results)
        _write(self.path / "experiment.json", text.encode("utf-8", "backslashreplace"))

    def account(self, run: Mapping[str, Any]) -> None:
        """Add this run's sums to runs.csv."""
        about = {"when": _now(), "host": socket.gethostname(), **run}
        self.runs.put(self.claims.id, {"row": about})
        self.runs.merge()

    def picture(self, result: Result) -> Image.Image | None:
        """The pixels of a cell that was written here."""
        if not result.file:
            return None
        try:
            with Image.open(self.path / result.file) as opened:
                return opened.convert("RGB")
        except OSError as error:
            raise LibraryError(
                f"The picture {self.path / result.file} cannot be read any more: {error}."
            ) from error

    def laid_against(self, results: Results, text: str = "") -> Reproduction | None:
        """The results against an experiment file's text; None when it is of another plan or has no
        results."""
        try:
            experiment = read_experiment(text) if text else None
        except BadParams:
            return None
        if (
            experiment is None
            or not experiment.cells
            or set(experiment.cells) - {cell.at for cell in self.plan.cells}
        ):
            return None
        return reproduced(experiment, results)

    def _record_name(self, cell: Cell, state: str = "made") -> str:
        """Made of place and recipe: whoever records the same picture records it once.  What failed,
        or was made anew on purpose, is a thing of this run."""
        parts = [self.place(cell).as_posix(), self._recipe_of(cell.setup).key]
        if state == "failed" or self.fresh:
            parts += [state, self.claims.id]
        return _digest(*parts)

    def _recipe_of(self, setup: Setup) -> Recipe:
        """The recipe of a setup, remembered because some backends ask their server for it."""
        if setup not in self._recipes:
            self._recipes[setup] = self._recipe(setup)
        return self._recipes[setup]

    def _of_record(self, cell: Cell, record: Mapping[str, Any]) -> Result | None:
        """The result that a record tells of, as long as its picture lies where it says."""
        file = self.path / record["file"]
        try:
            if file.stat().st_size != record["size"]:
                return None
        except OSError:
            return None
        timing = record["timing"]
        return Result(
            cell,
            "reused",
            record["pixels"],
            record["look"],
            Timing(**timing) if timing else None,
            record["model"],
            tuple(record["warnings"]),
            record["applied"],
            file=record["file"],
        )

    def _of_picture(self, cell: Cell) -> Result | None:
        """The result that a picture without a record tells of: its run was killed in between."""
        path = self.place(cell)
        try:
            data = (self.path / path).read_bytes()
            if not self._is_of(cell, data):
                return None
            picture, image = adopted(data), decoded(data).convert("RGB")
        except (OSError, PlayError):
            return None
        return Result(
            cell,
            "reused",
            pixels_hash(image),
            look(image),
            picture.timing,
            picture.model,
            picture.receipt.warnings,
            picture.receipt.applied,
            file=path.as_posix(),
        )

    def _put_aside(self, cell: Cell, path: Path, data: bytes) -> None:
        """A picture of another recipe, or a stranger's file, that stands where this one goes keeps
        its pixels under another name."""
        file = self.path / path
        try:
            standing = file.read_bytes()
        except OSError:
            return
        if standing == data or self._is_of(cell, standing):
            return
        try:
            aside = path.with_name(put_aside(file, standing).name)
        except OSError as error:
            raise LibraryError(
                f"{file} could not be put aside: {error.strerror}. Choose another folder with "
                "--out."
            ) from error
        for name, record in self.rows.records().items():
            if record["file"] == path.as_posix():
                row = {**record["row"], "file": aside.as_posix()}
                self.rows.put(name, {**record, "file": aside.as_posix(), "row": row})

    def _record(self, result: Result) -> None:
        file = self.path / result.file if result.file else None
        image, reference = self.picture(result), self._reference_now()
        measured = self._measured(image, reference) if image and reference else None
        record = {
            "row": {**row(result, measured), "host": socket.gethostname()},
            "file": result.file,
            "size": file.stat().st_size if file else 0,
            "pixels": result.pixels,
            "look": result.look,
            "timing": result.timing.as_dict() if result.timing else None,
            "model": result.model,
            "warnings": list(result.warnings),
            "applied": dict(result.applied),
        }
        self.rows.put(self._record_name(result.cell, result.state), record)

    def _measured(self, image: Image.Image, reference: Image.Image) -> Measured:
        against = self._first_cell.name if self._first_cell else ""
        return Measured(difference(image, reference), against)

    def _reference_now(self) -> Image.Image | None:
        """The first cell's picture, which all others are measured against, once it is there."""
        if self._reference is None and self._first_cell is not None:
            record = self.rows.get(self._record_name(self._first_cell))
            result = self._of_record(self._first_cell, record) if record else None
            self._reference = self.picture(result) if result else None
        return self._reference

    def _measure(self) -> None:
        """Rows that came before the first cell, from whichever run, get their measures."""
        records = self.rows.records()
        names = [
            name
            for name in self._cell_names
            if name in records and records[name]["file"] and records[name]["row"]["ssim"] is None
        ]
        reference = self._reference_now() if names else None
        for name in names if reference else ():
            record = records[name]
            image = self.picture(Result(self.plan.cells[0], file=record["file"]))
            if image and reference:
                measured = measures(self._measured(image, reference))
                self.rows.put(name, {**record, "row": {**record["row"], **measured}})

    @cached_property
    def _cell_names(self) -> tuple[str, ...]:
        return tuple(self._record_name(cell) for cell in self.plan.cells if not cell.skip)

    def _is_of(self, cell: Cell, data: bytes) -> bool:
        """Whether a picture's own record says that it was made with this cell's recipe."""
        try:
            record = read(data).record
        except PlayError:
            return False
        if record is None or record.get("partial"):
            return False
        recipe, model = self._recipe_of(cell.setup), str(record.get("model", ""))
        settings = {**_DEFAULTS, **record["params"]}
        return (
            all(settings.get(name) == value for name, value in recipe.params.as_dict().items())
            and record.get("backend") == recipe.backend
            and (not model or recipe.version in model or model in recipe.version)
        )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:24]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def earlier(path: Path) -> str:
    """The experiment file of the last run in this folder, if there was one."""
    file = path / "experiment.json"
    return file.read_text("utf-8") if file.is_file() else ""


def recalled(spec: Spec, path: Path) -> Spec:
    """The same plan with the seeds that chance gave it the first time it ran into this folder."""
    file = path / "plan.json"
    if not spec.by_chance or not file.is_file():
        return spec
    try:
        before = plan_of(json.loads(file.read_text("utf-8")))
    except (BadParams, ValueError):
        return spec
    seeds = dict(before.axes)
    axes = spec.axes
    if [name for name, _ in before.axes[: len(axes)]] == [name for name, _ in axes]:
        axes = tuple((name, seeds[name] if name == "seed" else values) for name, values in axes)
    base = dict(spec.base)
    if str(base.get("seed", "")) == "-1":
        base["seed"] = before.base.get("seed", -1)
    return replace(spec, base=base, axes=axes)


def tree(folder: Path, without: Path | None = None) -> tuple[dict[str, PictureFile], list[str]]:
    """Every picture below a folder by its path, read one after the other, and a sentence for every
    file that is none or is damaged.  What is written `without` being a source lies in there too."""
    if not folder.is_dir():
        raise BadParams(f"There is no folder {folder}.")
    pictures, notes = {}, []
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or not file.is_file():
            continue
        if without and file.resolve().is_relative_to(without.resolve()):
            continue
        if file.suffix.lower() not in SUFFIXES:
            notes.append(f"{name.as_posix()} {NO_PICTURE}")
            continue
        try:
            pictures[name.as_posix()] = PictureFile.checked(file)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else None
            why = f"it cannot be read ({reason})" if reason else "the file is damaged"
            notes.append(f"{name.as_posix()} was left out: {why}.")
    if not pictures:
        raise BadParams(f"There is no picture in {folder}.")
    return pictures, notes


def _names(varied: Varied) -> list[tuple[str, ...]]:
    """The parts of a path that each mark of an axis gives; no two marks share one, not even on a
    disk that takes large and small letters for one."""
    used: set[str] = set()
    names = []
    for mark in varied.marks:
        parts = _parts(varied, mark.label, mark.value)
        count = 1
        while (on_disk := "/".join(parts).casefold()) in used:
            count += 1
            parts = (*parts[:-1], f"{re.sub('~[0-9]+$', '', parts[-1])}~{count}")
        used.add(on_disk)
        names.append(parts)
    return names


def _parts(varied: Varied, label: str, value: object) -> tuple[str, ...]:
    if (isinstance(value, Mapping) and "init" in value) or varied.axis.id == "init":
        *folders, name = Path(label).with_suffix("").parts or ("picture",)
        return (*(_slug(part) for part in folders), _slug(name))
    if isinstance(value, Mapping) and varied.axis.id == "preset":
        slots = [
            f"{key.strip('{}')}={_slug(str(setting))}"
            for key, setting in value.items()
            if key.startswith("{")
        ]
        return (*slots, _slug(label))
    name = value if varied.axis.id in KNOBS and isinstance(value, str) and value else label
    return (f"{varied.axis.id.strip('{}')}={_slug(name)}",)


def _slug(text: str) -> str:
    """A file name that every system takes and that still reads like the value."""
    plain = unicodedata.normalize("NFC", text).replace("→", "to").replace("×", "x")
    slug = re.sub(r"[^\w.+=-]+", "-", plain).strip("-.") or "none"
    if DEVICES.fullmatch(slug):
        return f"_{slug}"
    if len(slug) <= 60:
        return slug
    return f"{slug[:50]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all; an equal file is left as it is."""
    try:
        if not (file.is_file() and file.read_bytes() == data):
            write_whole(file, data)
    except OSError as error:
        raise LibraryError(
            f"{file} could not be written: {error.strerror}. Choose another folder with --out."
        ) from error
