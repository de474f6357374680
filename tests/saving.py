"""Processes that save pictures, to be run beside each other or killed: python tests/saving.py
save|kill HOME COUNT"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sdplay.library import Library
from sdplay.metadata import decoded
from tests.making import finished


def save(library, count):
    """Save pictures and print the id of each as soon as it counts as finished."""
    for number in range(count):
        kept = library.save(finished(seed=os.getpid() * 1000 + number), "ann")
        print(kept.id, flush=True)


def kill(home, count):
    """Start a saving process so many times, kill it in the middle, and print what it had called
    finished."""
    library = Library(home)
    save(library, 1)
    library.close()
    dice = random.Random(1)
    told = []
    for _ in range(count):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(write, 1)
            sys.stdout = os.fdopen(1, "w")
            save(library, 10_000)
        os.close(write)
        with os.fdopen(read) as lines:
            first = lines.readline()
            time.sleep(dice.random() * 0.03)
            os.kill(child, signal.SIGKILL)
            told += [first.strip(), *(line.strip() for line in lines if line.endswith("\n"))]
        os.waitpid(child, 0)
    print(json.dumps({"told": told, **checked(home)}), file=sys.stderr)


def checked(home):
    """What the library lists after all that, and what of it is not whole."""
    library = Library(home)
    listed, broken, after = [], [], None
    while True:
        page = library.page("", "ann", after, 200)
        for kept in page.pictures:
            data = library.data(kept)
            decoded(data)
            listed.append(kept.id)
            broken += [kept.id] * (hashlib.sha256(data).hexdigest() != kept.file)
        after = page.next
        if after is None:
            return {"listed": listed, "broken": broken}


if __name__ == "__main__":
    what, home, count, *database = sys.argv[1:]
    if what == "kill":
        kill(Path(home), int(count))
    else:
        save(Library(Path(home), *database), int(count))
