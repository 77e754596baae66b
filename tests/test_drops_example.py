"""docs/examples/drops: the files are what their script makes, and the command of docs/answers.md judges them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.product import call

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "drops"
COMMAND = re.compile(r"^softphone-monitor (analyze docs/examples/drops/.*?)\n(?!    )", re.DOTALL | re.MULTILINE)


def test_the_files_are_what_the_script_makes(tmp_path: Path) -> None:
    script = shutil.copy(EXAMPLE / "make_drops.py", tmp_path)
    subprocess.run([sys.executable, script], check=True, timeout=60)
    for name in ("drops.csv", "publishes.csv"):
        assert (tmp_path / name).read_bytes() == (EXAMPLE / name).read_bytes()


def test_a_guilty_publish_is_associated_and_never_said_to_be_the_cause() -> None:
    found = COMMAND.search((ROOT / "docs" / "answers.md").read_text(encoding="utf-8"))
    assert found is not None
    words = [
        str(ROOT / word) if word.startswith("docs/") else word for word in shlex.split(found[1].replace("\\\n", " "))
    ]
    result = call(*words, "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["verdict"], told["windows"], told["weeks"]) == ("associated", 8, 8)
    assert told["rate_ratio"] > 2
    assert any("Tuesdays at 10:00" in one for one in told["not_separable"])
