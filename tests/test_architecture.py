"""The house rules that a machine can keep: who imports whom, who owns a library, which files stay pure."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "monitor"

MAY_IMPORT: dict[str, set[str]] = {
    "facts": set(),
    "config": set(),
    "genesys": {"facts", "config"},
    "media": {"facts"},
    "probes": {"facts", "config", "genesys", "media"},
    "publish": {"facts", "config", "genesys"},
    "outputs": {"facts", "config"},
    "analysis": {"facts"},
    "web": {"facts", "config", "outputs", "analysis"},
    "oncall": {"facts", "analysis", "outputs"},
    "simulator": {"facts", "config", "genesys", "media"},
    "commands": {
        *("facts", "config", "genesys", "media", "probes", "publish", "outputs", "web", "analysis", "simulator"),
        "oncall",
        "app",
    },
}
IMPORTERS = {
    "aiortc": {"media/peer.py", "media/stock_media.py", "commands/bench/stock.py"},
    "prometheus_client": {"outputs/metrics.py"},
    "sqlite3": {"outputs/journal.py"},
    "typer": {"cli.py", "cli_check.py", "cli_publish.py", "cli_verdict.py"},
    "locust": {"publish/locustfile.py"},
}
PURE = (
    "analysis/**/*.py",
    *(f"commands/bench/{name}.py" for name in ("accuracy_judging", "figures", "line_schedule", "line_truth")),
    "commands/drop_kinds_text.py",
    "config/document.py",
    "config/rules.py",
    "config/values.py",
    "facts/[!c]*.py",
    "oncall/*.py",
    *(
        f"genesys/{name}.py"
        for name in (
            *("backoff", "calls", "channel_messages", "client_stanzas", "events", "ice_fetch", "ice_list", "incoming"),
            *("jingle_messages", "json_values", "keepalive", "life_signs", "reconnect", "regions", "requests"),
            *("rest_messages", "sdp_over_xmpp", "services", "session", "silence", "stanzas", "states"),
        )
    ),
    *(
        f"media/{name}.py"
        for name in (
            *("far_reception", "ice_consent", "liveness", "mos", "pacing", "peer_events", "progress", "reception"),
            *("round_trip", "rtcp", "rtp", "sdp_text", "server_url"),
        )
    ),
    "probes/cadence.py",
    "probes/once.py",
    "probes/restarts.py",
    "probes/shard_messages.py",
    "outputs/suspicion.py",
    "outputs/sources/analytics/endings.py",
    "outputs/sources/files/fixed_width_times.py",
    *(f"outputs/sources/prometheus/{name}.py" for name in ("counts", "families")),
    "outputs/sources/watched.py",
    "publish/flow/*.py",
    "publish/guard.py",
    "publish/plan/[!f]*.py",
    "publish/strategy/*.py",
    *(f"publish/watch/{name}.py" for name in ("edges", "evidence", "times", "watch")),
    "simulator/history/*.py",
    "simulator/organisation/*.py",
    "simulator/virtual/*.py",
    "simulator/world/*.py",
    "simulator/ice/stun_messages.py",
    "simulator/ice/turn_allocations.py",
    *(
        f"web/live/{name}.py"
        for name in (*("attempts", "drops", "entries", "feeds", "layers", "published", "rings", "sketch", "trust"),)
    ),
)
IMPURE_MODULES = {
    *("asyncio", "httpx", "os", "secrets", "select", "socket", "sqlite3", "ssl", "subprocess", "threading", "time"),
    *("aiortc", "uuid", "websockets"),
}
CLOCK = "monitor.facts.clock"  # a pure file may name its types, and is given one
STANDARD_LIBRARY_ONLY = ("publish/client.py",)


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that a file imports, and every name from one, with its full dotted name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the room"
            module = node.module or ""
            found.update(f"{module}.{alias.name}" for alias in node.names)
            found.add(module)
    return frozenset(found)


def rooms() -> Iterator[tuple[str, Path]]:
    """Each file of a room with the room's name."""
    for path in sorted(ROOT.rglob("*.py")):
        if len(path.relative_to(ROOT).parts) > 1:
            yield path.relative_to(ROOT).parts[0], path


def test_every_room_is_on_the_map() -> None:
    assert {room for room, _ in rooms()} <= set(MAY_IMPORT)


def test_rooms_import_only_what_the_map_allows() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path in rooms()
        for name in imports_of(path)
        if name.startswith("monitor.") and name.split(".")[1] not in MAY_IMPORT[room] | {room}
    ]
    assert wrong == []


@pytest.mark.parametrize(("library", "owners"), IMPORTERS.items())
def test_a_heavy_library_is_imported_here_and_nowhere_else(library: str, owners: set[str]) -> None:
    importers = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if any(name.split(".")[0] == library for name in imports_of(path))
    }
    assert importers == owners, f"importers of {library}"


def test_every_library_that_is_imported_is_named_as_a_dependency() -> None:
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["load"]]
    named = {_distribution(re.split(r"[<>=!~;\[ ]", line)[0]) for line in lines}
    makers = metadata.packages_distributions()
    modules = {name.split(".")[0] for path in ROOT.rglob("*.py") for name in imports_of(path)}
    libraries = modules - set(sys.stdlib_module_names) - {"monitor"}
    assert {name for name in libraries if not named & set(map(_distribution, makers.get(name, ())))} == set()


def _distribution(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("pattern", PURE)
def test_pure_files_have_no_clock_and_no_socket(pattern: str) -> None:
    files = sorted(ROOT.glob(pattern))
    assert files, f"no file matches {pattern}"
    wrong = [f"{path.relative_to(ROOT)} imports {name}" for path in files for name in impurities_of(path)]
    assert wrong == []


def impurities_of(path: Path) -> set[str]:
    """What a file should not import if it were pure, by itself or by way of other modules of the house."""
    found: set[str] = set()
    seen, waiting = {path}, [path]
    while waiting:
        names = imports_of(waiting.pop())
        found |= {name for name in names if name.split(".")[0] in IMPURE_MODULES or name == f"{CLOCK}.SystemClock"}
        files = {module_path(name) for name in names if name.startswith("monitor.") and not name.startswith(CLOCK)}
        waiting += (new := {file for file in files if file is not None} - seen)
        seen |= new
    return found


def module_path(name: str) -> Path | None:
    """The file of a module of the house; None for a name inside one."""
    path = ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")
    return path if path.is_file() else None


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_the_marker_client_needs_nothing_but_python(name: str) -> None:
    path = ROOT / name
    foreign = {n.split(".")[0] for n in imports_of(path)} - set(sys.stdlib_module_names)
    assert foreign == set()
    ast.parse(path.read_text(), feature_version=(3, 8))


def test_modules_of_the_house_form_no_cycle() -> None:
    names = {".".join(("monitor", *p.relative_to(ROOT).with_suffix("").parts)): p for p in ROOT.rglob("*.py")}
    graph = {name: {i for i in imports_of(path) if i in names and i != name} for name, path in names.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for imported in graph[name]:
                visit(imported, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_every_file_says_its_job() -> None:
    silent = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.py") if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []
