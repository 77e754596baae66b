"""Secrets by reference only: an environment variable or a file is named, and read when it is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LARGEST_BYTES = 65536


class SecretMissing(Exception):  # noqa: N818 - a state of the environment, named as callers speak of it
    """A secret that is named but not there. The message names the variable or file, never a value."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is: exactly one of the two is set."""

    env: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        """The variable's or file's name."""
        return self.env or self.file or "nothing"


def resolve(ref: SecretRef | None, env: Mapping[str, str] | None = None) -> str:
    """The secret, stripped. Raises SecretMissing when it is not named, unset, empty or unreadable."""
    if ref is None:
        raise SecretMissing("no environment variable and no file is named for it")
    if ref.env is not None:
        value = (os.environ if env is None else env).get(ref.env, "").strip()
        if not value:
            raise SecretMissing(f"environment variable {ref.env} is not set")
        return value
    return _read(Path(ref.file or ""))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise SecretMissing(f"file {path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_BYTES:
        raise SecretMissing(f"file {path} is longer than {LARGEST_BYTES} bytes")
    try:
        value = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SecretMissing(f"file {path} is not UTF-8 text") from None
    if not value:
        raise SecretMissing(f"file {path} is empty")
    return value
