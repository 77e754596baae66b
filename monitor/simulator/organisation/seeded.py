"""The organisation that a seed makes: ids and users, the same live and in virtual time; pure."""

from __future__ import annotations

import random
from typing import Final

from monitor.simulator.organisation.model import User
from monitor.simulator.organisation.schedule_bodies import Unit

JID_DOMAIN: Final = "simulated-5f0c2b1e.orgspan.com"
AGENT_TOKEN: Final = "agent-"  # noqa: S105 - the beginning of a name, not a secret


class Organisation:
    """Ids in the order in which the live platform draws them from the same seed."""

    def __init__(self, seed: int, agents: int, wall_s: float) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - reproducible ids, not secrets
        self.organization_id = self.new_id()
        self.client_id = self.new_id()
        self.unit = Unit(self.new_id(), self.new_id())
        self.users: dict[str, User] = {}
        for number in range(1, agents + 1):
            jid = f"{self._rng.getrandbits(96):024x}@{JID_DOMAIN}"
            user = User(self.new_id(), f"Agent {number:03d}", jid, self.new_id(), wall_s)
            self.users[user.id] = user
        self.index_of = {user_id: index for index, user_id in enumerate(self.users)}

    def new_id(self) -> str:
        """A random id in UUID form, reproducible by seed."""
        digits = f"{self._rng.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def user_of(self, token: str) -> User | None:
        """The user whose token this is (see agents.agent_token); None for client credentials."""
        number = token.removeprefix(AGENT_TOKEN)
        if not token.startswith(AGENT_TOKEN) or not number.isdecimal() or int(number) >= len(self.users):
            return None
        return tuple(self.users.values())[int(number)]
