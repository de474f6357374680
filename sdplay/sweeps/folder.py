"""A sweep's folder: pictures under the names of the axes, results.csv, sheet, report and experiment
file."""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image

from sdplay.compare.experiment import Reproduction, read_experiment, reproduced, write_experiment
from sdplay.compare.measures import difference
from sdplay.compare.plan import Cell, Plan, Varied
from sdplay.compare.planfile import Spec, outline, plan_of
from sdplay.compare.report import report
from sdplay.compare.results import Result
from sdplay.compare.rows import HEADER, row
from sdplay.compare.sheet import sheet
from sdplay.errors import BadParams, LibraryError
from sdplay.params import KNOBS
from sdplay.spreadsheet import write_table

Results = Mapping[tuple[int, ...], Result]
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


class Folder:
    """Where one sweep is written.  Running again adds to it and never wipes."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self._names = [_names(each) for each in plan.varied]
        self._waiting: list[Result] = []
        self._reference: Image.Image | None = None
        self._first = next((cell.at for cell in plan.cells if not cell.skip), ())
        self._first_ended = False
        _write(path / "plan.json", json.dumps(outline(plan), ensure_ascii=False, indent=1).encode())

    def place(self, cell: Cell) -> Path:
        """The picture's path inside the folder: a folder for each axis, the last one names the
        file."""
        parts = [part for names, at in zip(self._names, cell.at, strict=True) for part in names[at]]
        if len(parts) == 1 and len(self.plan.varied) == 1 and "=" in parts[0]:
            parts = parts[0].split("=", 1)
        *folders, name = parts or ["picture"]
        return Path(*folders, f"{name}.png")

    def keep(self, result: Result, data: bytes | None) -> Result:
        """Write one ended cell: its picture, and its line in results.csv."""
        if data is not None:
            place = self.place(result.cell)
            _write(self.path / place, data)
            result = replace(result, file=place.as_posix())
        self._waiting.append(result)
        if result.cell.at == self._first:
            self._first_ended = True
            self._reference = self.picture(result)
        if self._first_ended:
            self._flush()
        return result

    def finish(self, results: Results, title: str, sentences: Iterable[str] = ()) -> None:
        """Write what is drawn from all cells together."""
        self._flush()
        drawn = sheet(self.plan, results, self.picture)
        _write(self.path / "sheet.png", drawn.png)
        told = [*sentences, *([drawn.note] if drawn.note else [])]
        _write(
            self.path / "report.html",
            report(self.plan, results, self.picture, title=title, sentences=told).encode(),
        )
        _write(self.path / "experiment.json", write_experiment(self.plan, results).encode())

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
            kept = read_experiment(text) if text else None
        except BadParams:
            return None
        if (
            kept is None
            or not kept.cells
            or set(kept.cells) - {cell.at for cell in self.plan.cells}
        ):
            return None
        return reproduced(kept, results)

    def _flush(self) -> None:
        """Add the lines that wait: they wait for the first cell, which the others are measured
        against."""
        if not self._waiting:
            return
        rows = []
        for result in self._waiting:
            image = self.picture(result) if self._reference else None
            rows.append(
                row(
                    result,
                    difference(image, self._reference) if image and self._reference else None,
                )
            )
        file = _table(self.path)
        try:
            fresh = not file.exists()
            with file.open("a", encoding="utf-8", newline="") as table:
                write_table(table, HEADER, rows, header=fresh)
        except OSError as error:
            raise LibraryError(
                f"{file} could not be written: {error.strerror}. Close it elsewhere, then run "
                "the same "
                "command again."
            ) from error
        self._waiting = []


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


def tree(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """Every picture below a folder by its path, and a sentence for every file that is none or is
    damaged."""
    if not folder.is_dir():
        raise BadParams(f"There is no folder {folder}.")
    found, notes = {}, []
    for file in sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    ):
        name = file.relative_to(folder).as_posix()
        if file.suffix.lower() not in SUFFIXES:
            notes.append(f"{name} was left out: it is no picture file.")
            continue
        data = file.read_bytes()
        try:
            with Image.open(io.BytesIO(data)) as opened:
                opened.load()  # opening alone would let a file pass that is cut off
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            notes.append(f"{name} was left out: the file is damaged.")
            continue
        found[name] = data
    if not found:
        raise BadParams(f"There is no picture in {folder}.")
    return found, notes


def _names(each: Varied) -> list[tuple[str, ...]]:
    """The parts of a path that each mark of an axis gives; no two marks share one."""
    taken: set[tuple[str, ...]] = set()
    names = []
    for mark in each.marks:
        parts = _parts(each, mark.label, mark.value)
        count = 1
        while parts in taken:
            count += 1
            parts = (*parts[:-1], f"{re.sub('~[0-9]+$', '', parts[-1])}~{count}")
        taken.add(parts)
        names.append(parts)
    return names


def _parts(each: Varied, label: str, value: object) -> tuple[str, ...]:
    if (isinstance(value, Mapping) and "init" in value) or each.axis.id == "init":
        *folders, name = Path(label).with_suffix("").parts or ("picture",)
        return (*(_slug(part) for part in folders), _slug(name))
    if isinstance(value, Mapping) and each.axis.id == "preset":
        slots = [
            f"{key.strip('{}')}={_slug(str(given))}"
            for key, given in value.items()
            if key.startswith("{")
        ]
        return (*slots, _slug(label))
    name = value if each.axis.id in KNOBS and isinstance(value, str) and value else label
    return (f"{each.axis.id.strip('{}')}={_slug(name)}",)


def _slug(text: str) -> str:
    """A file name that every system takes and that still reads like the value."""
    kept = (
        re.sub(r"[^\w.+=-]+", "-", text.replace("→", "to").replace("×", "x")).strip("-.") or "none"
    )
    if len(kept) <= 60:
        return kept
    return f"{kept[:50]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _table(path: Path) -> Path:
    """results.csv, or the next one when an older version wrote other columns."""
    count, file = 1, path / "results.csv"
    while file.exists() and file.read_text("utf-8").splitlines()[:1] != [",".join(HEADER)]:
        count += 1
        file = path / f"results-{count}.csv"
    return file


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all; an equal file is left as it is."""
    try:
        if file.is_file() and file.read_bytes() == data:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}.new")
        beside.write_bytes(data)
        beside.replace(file)
    except OSError as error:
        raise LibraryError(
            f"{file} could not be written: {error.strerror}. Choose another folder with --out."
        ) from error
