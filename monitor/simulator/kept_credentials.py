"""A folder that outlives the simulator: what `simulate` prints, one file a value, so that clients go on after it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.simulator.platform import Platform


def user_token(platform: Platform, folder: Path | None) -> str:
    """The first user's token; with a folder the secret and the token found there, else new ones.

    Raises OSError for a folder that cannot be read.
    """
    if folder is None:
        return platform.issue_user_token(platform.first_user.id)[0]
    if not folder.is_dir():
        raise NotADirectoryError(f"credentials {folder}: no such folder")
    platform.client_secret = _kept(folder / "client_secret") or platform.client_secret
    token = _kept(folder / "user_token") or secrets.token_urlsafe(48)
    platform.accept_user_token(platform.first_user.id, token)
    # Clients still hold channels of the simulator before. No new channel may have the id of one of them, or its former
    # holder gets into somebody else's, is refused as not authorized, and never tries again.
    platform.rng.seed()
    return token


def keep(folder: Path, info: Mapping[str, Any]) -> None:
    """Write every value of the start-up line; one that is None has no file. Raises OSError."""
    for name, value in info.items():
        if value is None:
            (folder / name).unlink(missing_ok=True)
        else:
            _write(folder / name, str(value))


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
