"""Read what an SQL script consists of. Pure: no module connects to a server."""
