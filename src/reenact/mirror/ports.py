"""Ports that the pages of trackers are served on."""

from __future__ import annotations

import socket

from ..errors import ReenactError


def refuse_taken(host: str, port: int) -> None:
    """See that a port can be served on.

    Raises:
        ReenactError: ``port-in-use`` (exit code 2).
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ReenactError(
                "port-in-use", f"port {port} of {host} cannot be used: {error.strerror}", fix=f"--port {port + 1}"
            ) from None
