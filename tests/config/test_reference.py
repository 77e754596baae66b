"""Reference, annotated example and shipped examples are true: each is made from, or read by, the real thing."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_problems import check

from monitor.config.load import load
from monitor.config.model import Settings
from monitor.config.reference import example, reference
from monitor.config.schema import is_not_yet, keys, not_yet, parts_in, probe_kinds

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs/examples/config").glob("*.yaml"))


def test_the_reference_on_disk_is_the_generated_one() -> None:
    assert (ROOT / "docs/configuration.md").read_text() == reference(), "run: make docs"


def test_every_key_is_described() -> None:
    text = reference()
    for part in (Settings, *probe_kinds().values(), *(p for field in keys(Settings).values() for p in parts_in(field))):
        for key, field in keys(part).items():
            assert key == "kind" or f"| `{key}` |" in text
            assert key == "kind" or field.description, key


def test_the_annotated_example_loads_and_uses_every_top_level_key_that_works(tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(example())
    settings = load(path)
    assert settings.model_fields_set == {key for key, field in keys(Settings).items() if not is_not_yet(field)}
    assert not_yet(settings) == []
    assert {probe.kind for probe in settings.probes} == set(probe_kinds())


def test_what_nothing_acts_on_yet_is_told_by_its_path() -> None:
    example = next(path for path in EXAMPLES if path.stem == "full")
    told = not_yet(load(example))
    assert "probes[6].dial" in told
    for path in told:
        row = next(line for line in reference().splitlines() if line.startswith(f"| `{path.rpartition('.')[2]}`"))
        assert "**Not yet:**" in row


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_shipped_example_loads(path: Path) -> None:
    assert load(path).site
    assert all("not set" in str(p) or "cannot be read" in str(p) for p in check(path, {}))


def test_no_shipped_example_is_forgotten() -> None:
    assert [path.stem for path in EXAMPLES] == ["full", "markers-only", "network-only", "quick-detection", "simulator"]
