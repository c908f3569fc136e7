"""A port for a ROS master of a benchmark's own."""

import socket


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))
        return one.getsockname()[1]
