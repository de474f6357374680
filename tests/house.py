"""Measures the house from its own source: how long, how deep, how wide and how plainly named it is.

`python -m tests.house` prints the table; tests/test_house.py holds each measure to its bound.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
VAGUE = frozenset(
    {
        "told",
        "found",
        "kept",
        "made",
        "asked",
        "known",
        "given",
        "shown",
        "place",
        "said",
        "wanted",
        "held",
        "began",
        "plain",
        "taken",
        "spoken",
        "here",
        "seen",
        "apart",
        "more",
        "one",
        "other",
        "each",
        "first",
        "what",
    }
)
NESTING = (
    ast.For,
    ast.While,
    ast.If,
    ast.With,
    ast.Try,
    ast.AsyncFor,
    ast.AsyncWith,
    ast.Match,
)
PAGE_CODE = re.compile(r"</\w+>|=>\s*[{(]|\bconst \w+ =|[\w-]+:[^;\n]+;")


@dataclass(frozen=True)
class Function:
    """One function as the measures see it."""

    where: str
    lines: int
    depth: int


@cache
def source() -> tuple[Path, ...]:
    return (*sorted((ROOT / "sdplay").rglob("*.py")), ROOT / "streamlit_app.py")


@cache
def everything() -> tuple[Path, ...]:
    return (*source(), *sorted((ROOT / "tests").rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def functions() -> tuple[Function, ...]:
    return tuple(
        Function(f"{name(path)}:{node.name}", node.end_lineno - node.lineno + 1, depth(node.body))
        for path in source()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def depth(body: list[ast.stmt]) -> int:
    """How many blocks stand inside each other; an `elif` is no deeper than its `if`."""
    return max((inside(statement) for statement in body), default=0)


def inside(statement: ast.stmt) -> int:
    if not isinstance(statement, NESTING):
        return 0
    if isinstance(statement, ast.If) and [type(s) for s in statement.orelse] == [ast.If]:
        return max(1 + depth(statement.body), inside(statement.orelse[0]))
    return 1 + max(depth(block) for block in blocks(statement))


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        yield getattr(statement, field, [])
    for handler in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield handler.body


def deep_share() -> float:
    """How many functions of a hundred hold three blocks inside each other."""
    return round(100 * sum(one.depth >= 3 for one in functions()) / len(functions()), 1)


def bound_names(path: Path) -> Iterator[str]:
    """Every name that is given to something: variables, arguments, fields, functions, classes."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def vague_names() -> dict[str, tuple[int, int]]:
    """The files with vague names: how many of how many."""
    counts = {name(path): list(bound_names(path)) for path in source()}
    return {
        file: (sum(n.lstrip("_") in VAGUE for n in names), len(names))
        for file, names in counts.items()
    }


def vague_share() -> float:
    counts = vague_names().values()
    return round(100 * sum(some for some, _ in counts) / sum(all_ for _, all_ in counts), 2)


def files_in_folders() -> Counter[str]:
    return Counter(name(path.parent) for path in source() if path.parent != ROOT)


def skipped_layouts() -> int:
    mark = "# fmt: " + "skip"
    return sum(path.read_text().count(mark) for path in everything())


def long_lines() -> list[str]:
    return [
        f"{name(path)}:{number}"
        for path in everything()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 100
    ]


def page_code() -> list[tuple[str, int]]:
    """Strings of more than three lines that hold HTML, CSS or JavaScript."""
    return [
        (f"{name(path)}:{node.lineno}", lines)
        for path in source()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant | ast.JoinedStr)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > 3
        and looks_like_page_code(node)
    ]


def looks_like_page_code(node: ast.expr) -> bool:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    values = [part.value for part in parts if isinstance(part, ast.Constant)]
    text = "".join(value for value in values if isinstance(value, str))
    return len(PAGE_CODE.findall(text)) >= 2


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> frozenset[str]:
    return frozenset(module(path) for path in source())


def imported(path: Path, nodes: Iterator[ast.AST]) -> Iterator[tuple[str, str]]:
    """The module and the name of every import from our own code."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
            base = ".".join(package) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            yield from ((origin, alias.name) for alias in node.names)


def neighbours(path: Path) -> set[str]:
    """Our modules that this one imports, at once or when they are first needed."""
    used = set()
    for origin, part in imported(path, running(tree(path))):
        used |= {f"{origin}.{part}"} & modules() or {origin} & modules()
    return used - {module(path)}


def running(node: ast.AST) -> Iterator[ast.AST]:
    """All that is inside, without what only the type checker reads."""
    for inner in ast.iter_child_nodes(node):
        if not (isinstance(inner, ast.If) and ast.unparse(inner.test) == "TYPE_CHECKING"):
            yield inner
            yield from running(inner)


def circles() -> list[list[str]]:
    """Groups of modules that all reach each other by imports (Tarjan)."""
    graph = {module(path): neighbours(path) for path in source()}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(here: str) -> None:
        index[here] = low[here] = len(index)
        stack.append(here)
        for there in graph.get(here, ()):
            if there not in index:
                visit(there)
                low[here] = min(low[here], low[there])
            elif there in stack:
                low[here] = min(low[here], index[there])
        if low[here] == index[here]:
            cut = stack.index(here)
            groups.append(sorted(stack[cut:]))
            del stack[cut:]

    for start in sorted(graph):
        if start not in index:
            visit(start)
    return [group for group in groups if len(group) > 1]


def private_imports() -> list[str]:
    """Imports of a private name or module from outside its package."""
    return [
        f"{name(path)}: {origin}.{part}"
        for path in source()
        for origin, part in imported(path, ast.walk(tree(path)))
        if origin.split(".")[0] == "sdplay" and crosses(module(path), origin, part)
    ]


def crosses(user: str, origin: str, part: str) -> bool:
    private = [p for p in (*origin.split("."), part) if p.startswith("_") and p[:2] != "__"]
    owner = origin if part.startswith("_") else origin.rpartition(".")[0]
    return bool(private) and user != origin and not user.startswith(f"{owner}.")


def classes_named_twice() -> dict[str, list[str]]:
    where = defaultdict(list)
    for path in source():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(name(path))
    return {name: files for name, files in sorted(where.items()) if len(files) > 1}


def table() -> str:
    """The measures for the eye: what, how much today, how much at most."""
    rows = [(measure.name, measure.today(), measure.goal) for measure in MEASURES]
    head = ("measure", "today", "goal")
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---|---|---|", *lines[1:]])


@dataclass(frozen=True)
class Measure:
    """A figure of the house with the goal it shall fall to."""

    name: str
    today: Callable[[], float]
    goal: float


MEASURES = (
    Measure("files flat in one folder, most", lambda: max(files_in_folders().values()), 12),
    Measure("lines whose layout is exempt from the formatter", skipped_layouts, 60),
    Measure("lines over 100 columns", lambda: len(long_lines()), 0),
    Measure("vague names among bound names, %", vague_share, 1.5),
    Measure("lines of HTML, CSS, JS in Python strings", lambda: sum(n for _, n in page_code()), 0),
    Measure("circles of imports", lambda: len(circles()), 0),
    Measure("private names imported from outside", lambda: len(private_imports()), 0),
    Measure("class names that are two things", lambda: len(classes_named_twice()), 0),
    Measure("lines of a function, median", lambda: median(one.lines for one in functions()), 9),
    Measure("functions over 60 lines", lambda: sum(one.lines > 60 for one in functions()), 0),
    Measure("functions three blocks deep, %", deep_share, 5),
)

if __name__ == "__main__":
    print(table())
