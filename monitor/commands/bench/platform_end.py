"""A process that runs the real simulator with as many softphones as asked for, and a token for each.

`python -m monitor.commands.bench.platform_end AGENTS` obeys: where, begin, told.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from monitor.commands.bench.child import Usage, many_files, obeying
from monitor.simulator.server import SimulatorOptions, serve
from monitor.simulator.world.scenario import load_scenario

SITE = "bench"


async def _main(agents: int) -> None:
    many_files()
    usage = Usage()
    scenario = load_scenario("quiet").model_copy(update={"agents": agents, "sites": {SITE: agents}})
    running = await serve(SimulatorOptions(scenario=scenario))

    async def obey(command: dict[str, Any]) -> Mapping[str, Any]:
        match command["do"]:
            case "where":
                tokens = [running.platform.issue_user_token(user)[0] for user in list(running.platform.users)[:agents]]
                return {"rest": running.info["rest"], "ws": running.info["ws"], "tokens": tokens}
            case "begin":
                usage.begin()
            case "told":
                return usage.told()
        return {}

    try:
        await obeying(obey)
    finally:
        await running.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(int(sys.argv[1]))))
