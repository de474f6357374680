"""How much memory a reader takes at its worst. Each line of the input, READER FILE, is read in a
process of its own, so that nothing else counts; a line of JSON has the megabytes that were added,
and what the reader said."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sdplay import metadata
from sdplay.errors import PlayError
from sdplay.library import Library
from sdplay.library.carry import imported


def bring_in(source: Path) -> str:
    with tempfile.TemporaryDirectory() as home, closing(Library(Path(home))) as library:
        carried = imported(library, source, "ann")
    return f"{carried.pictures} {' '.join(carried.problems)}"


def take(source: Path) -> str:
    with tempfile.TemporaryDirectory() as home, closing(Library(Path(home))) as library:
        return library.take(source.read_bytes(), "ann").file


def read(source: Path) -> str:
    return " ".join(metadata.read(source.read_bytes()).notes)


READERS: dict[str, Callable[[Path], str]] = {"bring_in": bring_in, "take": take, "read": read}


def megabytes(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def flood(reader: str, source: Path) -> None:
    """Print what one reader adds to the memory of this process."""
    with tempfile.TemporaryDirectory() as home:
        # Opened once, so that what a library needs anyhow is not counted.
        Library(Path(home)).close()
    before = megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    try:
        said = READERS[reader](source)
    except PlayError as error:
        said = str(error)
    print(json.dumps({"added": megabytes("VmHWM") - before, "said": said[:2000]}), flush=True)


def main() -> None:
    """A new process for each line of the input, which begins with all modules loaded."""
    for line in sys.stdin:
        reader, source = line.rstrip("\n").split(" ", 1)
        if os.fork() == 0:
            flood(reader, Path(source))
            os._exit(0)
        if os.wait()[1]:
            sys.exit(1)


if __name__ == "__main__":
    main()
