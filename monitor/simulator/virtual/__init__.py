"""The whole platform without a socket: the world, its agents and the REST routes of a publish in virtual time; pure."""
