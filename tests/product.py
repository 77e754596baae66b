"""Run the installed product as a user does: its commands as processes, stopped by pid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

COMMAND = (sys.executable, "-m", "monitor")
HANG_S = 60  # a guard against hanging, not a measurement


def call(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One command from start to end."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **(env or {})}
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=HANG_S, env=environment, check=False
    )


@contextmanager
def started(
    *words: str, env: Mapping[str, str] | None = None, covered: bool = True, folder: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A command that runs on; ended by SIGTERM when the block ends, if it still runs.

    covered=False keeps coverage out of it and its children, as it slows them by more than what they measure. folder:
    where it works, ours by default.
    """
    environment = {name: value for name, value in os.environ.items() if covered or not name.startswith("COVERAGE_")}
    process = subprocess.Popen(
        [*COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, **(env or {})},
        start_new_session=True,
        cwd=folder,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def line_with(stream: IO[str] | None, words: str) -> str:
    """The next line that has `words` in it; fails when the stream ends before."""
    assert stream is not None
    seen: list[str] = []
    for line in stream:
        seen.append(line)
        if words in line:
            return line
    raise AssertionError(f"no line with {words!r} in {seen}")


@contextmanager
def simulator(*words: str) -> Iterator[dict[str, Any]]:
    """`simulate` with these further words as a process; what it prints when ready."""
    with started("simulate", "--rest-port", "0", "--ws-port", "0", *words) as process:
        yield json.loads(line_with(process.stdout, "{"))


CONFIG = """
site: chicago
timezone: America/Chicago
genesys:
  rest: {rest}
  login: {rest}
  streaming: {ws}
  client: {{id_env: CLIENT_ID, secret_env: CLIENT_SECRET}}
  agents:
    - {{name: synthetic-1, token_env: USER_TOKEN}}
probes:
  - {{kind: heartbeat, channel: xmpp, agent: synthetic-1, interval: 1s, timeout: 500ms}}
  - {{kind: heartbeat, channel: notification, interval: 1s, timeout: 500ms}}
  - {{kind: signalling, agent: synthetic-1, interval: 2s, timeout: 1s}}
  - {{kind: gathering, agent: synthetic-1, interval: 5s, timeout: 2s}}
  - {{kind: call, agent: synthetic-1, answer: any}}
  - {{kind: api, interval: 2s, timeout: 1s}}
publish:
  - {{name: weekly}}
exporter: {{listen: "127.0.0.1:0"}}
journal: {{path: {journal}}}
"""


@contextmanager
def monitor(
    folder: Path, info: Mapping[str, Any], more_env: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`run` as a process against a simulator: the process and the exporter's address, once it is ready."""
    config = folder / "monitor.yaml"
    config.write_text(CONFIG.format(rest=info["rest"], ws=info["ws"], journal=folder / "facts.db"))
    env = {"CLIENT_ID": info["client_id"], "CLIENT_SECRET": info["client_secret"], "USER_TOKEN": info["user_token"]}
    with started("run", "-c", str(config), env={**env, **(more_env or {})}) as process:
        ready = line_with(process.stderr, "ready:")
        yield process, ready.partition("http://")[2].partition("/metrics")[0].join(("http://", ""))
