"""Ports for servers that are about to be started."""

import socket
from contextlib import ExitStack


def free_port() -> int:
    """Return a port of loopback on which nobody listened a moment ago."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> tuple[int, ...]:
    """Return so many such ports, each another."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return tuple(one.getsockname()[1] for one in held)
