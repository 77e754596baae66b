"""A folder that outlives the simulator: what `simulate` prints, one file a value, so that clients go on after it.

For several softphones it also holds their tokens, and settings to run a monitor with them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from monitor.simulator.platform import Platform

SOFTPHONES: Final = "softphones"  # folder of further tokens, by number from 002 on
SETTINGS: Final = "monitor.yaml"
# JSON's strings are YAML's, so a folder may be named anything.
RUN_SETTINGS: Final = """\
# Written by `simulate --softphones`: softphones of the simulator, all of them SIMULATED users. `run -c` this file.
site: simulated
genesys:
  rest: {rest}
  login: {rest}
  streaming: {streaming}
  client: {{id_file: "{folder}/client_id", secret_file: "{folder}/client_secret"}}
  agents:
{agents}
probes:
  - {{kind: heartbeat, channel: notification}}
  - {{kind: heartbeat, channel: xmpp, agent: softphone-001}}
  - {{kind: signalling, agent: softphone-001}}
  - {{kind: gathering, agent: softphone-001, interval: 15s}}
  - {{kind: call, agent: softphone-001, answer: any}}
  - {{kind: api}}
journal: {{path: "{folder}/softphone.db"}}
fleet: {{agents: {count}, shards: auto}}
"""


def user_tokens(platform: Platform, folder: Path | None, count: int) -> list[str]:
    """A token for each of the first `count` users; with a folder the secret and the tokens found there, else new ones.

    Raises OSError for a folder that cannot be read, and for more users than there are.
    """
    users = list(platform.users)[:count]
    if len(users) < count:
        raise OSError(f"softphones {count}: the scenario has {len(users)} agents; its `agents` says how many")
    if folder is None:
        return [platform.issue_user_token(user)[0] for user in users]
    if not folder.is_dir():
        raise NotADirectoryError(f"credentials {folder}: no such folder")
    platform.client_secret = _kept(folder / "client_secret") or platform.client_secret
    tokens = [_kept(file) or secrets.token_urlsafe(48) for file in _token_files(folder, count)]
    for user, token in zip(users, tokens, strict=True):
        platform.accept_user_token(user, token)
    # Clients still hold channels of the simulator before. No new channel may have the id of one of them, or its former
    # holder gets into somebody else's, is refused as not authorized, and never tries again.
    platform.rng.seed()
    return tokens


def _token_files(folder: Path, count: int) -> list[Path]:
    """Where each softphone's token is: the first one's is among what is printed."""
    return [folder / "user_token", *(folder / SOFTPHONES / f"{number:03d}" for number in range(2, count + 1))]


def keep(folder: Path, info: Mapping[str, Any]) -> None:
    """Write every value of the start-up line; one that is None has no file. Raises OSError."""
    for name, value in info.items():
        if value is None:
            (folder / name).unlink(missing_ok=True)
        else:
            _write(folder / name, str(value))


def keep_softphones(folder: Path, rest: str, streaming: str, tokens: Sequence[str]) -> None:
    """Write the tokens, a file each, and settings for `run` with as many softphones that answer calls. Raises OSError.

    rest, streaming: the simulator's URLs.
    """
    files = _token_files(folder.resolve(), len(tokens))
    (folder / SOFTPHONES).mkdir(mode=0o700, exist_ok=True)
    for file, token in zip(files[1:], tokens[1:], strict=True):
        _write(file, token)
    agents = [f"    - {{name: softphone-{at:03d}, token_file: {json.dumps(str(f))}}}" for at, f in enumerate(files, 1)]
    text = RUN_SETTINGS.format(
        folder=json.dumps(str(folder.resolve()))[1:-1],
        rest=rest,
        streaming=streaming,
        agents="\n".join(agents),
        count=len(files),
    )
    _write(folder / SETTINGS, text.rstrip())


def _kept(file: Path) -> str:
    """What an earlier simulator wrote there; empty where none has."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise OSError(f"credentials {file}: not text") from None


def _write(file: Path, value: str) -> None:
    """For the owner's eyes alone, and whole at any time: written beside, then moved there."""
    beside = file.with_name(f".{file.name}")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_text(value + "\n", encoding="utf-8")
    beside.replace(file)
