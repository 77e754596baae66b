"""Secrets are named, read when needed, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.secrets import SecretMissing, SecretRef, resolve


def test_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  s3cret\n")
    assert resolve(SecretRef(env="TOKEN"), {"TOKEN": "s3cret\n"}) == "s3cret"
    assert resolve(SecretRef(file=str(file))) == "s3cret"


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_FOR_THIS_TEST", "value")
    assert resolve(SecretRef(env="TOKEN_FOR_THIS_TEST")) == "value"


@pytest.mark.parametrize("env", [{}, {"TOKEN": ""}, {"TOKEN": " \n"}])
def test_an_unset_or_empty_variable(env: dict[str, str]) -> None:
    with pytest.raises(SecretMissing, match=r"^environment variable TOKEN is not set$"):
        resolve(SecretRef(env="TOKEN"), env)


def test_nothing_named() -> None:
    with pytest.raises(SecretMissing, match=r"^no environment variable and no file is named for it$"):
        resolve(None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * 70000, "is longer than 65536 bytes"),
    ],
)
def test_files_that_hold_no_secret(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SecretMissing) as missing:
        resolve(SecretRef(file=str(file)))
    assert str(missing.value) == f"file {file} {words}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match=r"token cannot be read: No such file or directory$"):
        resolve(SecretRef(file=str(tmp_path / "token")))
    with pytest.raises(SecretMissing, match=r"cannot be read: Is a directory$"):
        resolve(SecretRef(file=str(tmp_path)))
