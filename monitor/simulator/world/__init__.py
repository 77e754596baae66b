"""The simulated platform as physics, pure and stepped by time: services, network, occurrences, agents, scenarios."""
