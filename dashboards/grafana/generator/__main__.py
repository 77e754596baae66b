"""Write the dashboards' JSON: `python -m dashboards.grafana.generator [--into FOLDER] [--runbook ADDRESS]`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from dashboards.grafana.generator import ice_media, monitor_itself, overview, publish_impact
from dashboards.grafana.generator.sdk import JSONEncoder, models

HERE = Path(__file__).parent.parent
RUNBOOK = "docs/runbook.md"
# What the type of an annotation's target asks for, although only Grafana's own data source reads it.
FOR_ITS_TYPE = {"limit": 100, "matchAny": False, "tags": [], "type": ""}
DASHBOARDS: dict[str, Callable[[], models.Dashboard]] = {
    "overview.json": overview.build,
    "publish-impact.json": publish_impact.build,
    "ice-media.json": ice_media.build,
    "monitor-itself.json": monitor_itself.build,
}


def texts(runbook: str = RUNBOOK) -> dict[str, str]:
    """Every dashboard's JSON by the name of its file. runbook: the address of the runbook where it can be read."""
    return {name: _text(build()).replace(f'"{RUNBOOK}', f'"{runbook}') for name, build in DASHBOARDS.items()}


def _text(built: models.Dashboard) -> str:
    plain = json.loads(json.dumps(built, cls=JSONEncoder))
    for one in plain["annotations"]["list"]:
        one["target"] |= FOR_ITS_TYPE
    for one in (*plain["links"], *plain["annotations"]["list"]):
        del one["placement"]  # the SDK's default would hide them in a menu
    return json.dumps(plain, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write the files; the same input gives the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=HERE, help="the folder to write to")
    parser.add_argument(
        "--runbook", default=RUNBOOK, help="where readers find the runbook, such as https://wiki/runbook"
    )
    given = parser.parse_args()
    for name, text in texts(given.runbook).items():
        (given.into / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
