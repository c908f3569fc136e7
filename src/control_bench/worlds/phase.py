"""What a hand does in a grasp, for those who only hear of it."""

from enum import IntEnum


class Phase(IntEnum):
    """What a hand does; DONE after the shake."""

    HOME = 0
    TRAVEL = 1
    DESCEND = 2
    CLOSE = 3
    LIFT = 4
    SHAKE = 5
    DONE = 6
