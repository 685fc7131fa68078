"""Ports for the programs that a test starts."""
import random
import socket


def free_port():
    """A port that is free and stays so: below the range from which outgoing connections take theirs."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
