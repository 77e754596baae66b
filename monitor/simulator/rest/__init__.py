"""The REST side on real sockets: the gate, a file for each family of routes, the control API."""
