"""Lockstep's rule, without ROS: when the world may move on.

Every robot that is in an episode owes one judgement of the sensors of this moment, and, unless it ends the episode, one
command. A robot whose episode has ended is waited for no more until it is reset; it joins in at the next moment.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Seat:
    """One robot's part in the moment: what it still owes."""

    playing: bool = False
    judged: bool = False
    command: np.ndarray | None = None
    start: tuple[np.ndarray, int] | None = None


@dataclass
class Lockstep:
    """The robots at the table, and the stamp of the moment they are at, ns."""

    robots: int
    stamp: int
    seats: list[Seat] = field(init=False)

    def __post_init__(self) -> None:
        self.seats = [Seat() for _ in range(self.robots)]

    def reset(self, robot: int, start: np.ndarray, seed: int) -> None:
        """The robot begins a new episode at the next moment, whatever it is at now."""
        self.seats[robot] = Seat(start=(start, seed))

    def judge(self, robot: int, stamp: int, ended: bool) -> None:
        """A judgement came; one of another moment is of no account."""
        seat = self.seats[robot]
        if seat.playing and stamp == self.stamp:
            seat.judged, seat.playing = True, not ended

    def command(self, robot: int, command: np.ndarray) -> None:
        """A command came; a robot that owes none (it has sent one, or is in no episode) is not heard."""
        seat = self.seats[robot]
        if seat.playing and seat.command is None:
            seat.command = command

    def ready(self) -> bool:
        """Whether every robot has paid, and there is something to move on for."""
        paid = all(not seat.playing or (seat.judged and seat.command is not None) for seat in self.seats)
        return paid and any(seat.playing or seat.start is not None for seat in self.seats)

    def owing(self) -> dict[str, list[int]]:
        """Who is waited for, by what they owe."""
        playing = [(i, seat) for i, seat in enumerate(self.seats) if seat.playing]
        return {
            "judgement": [i for i, seat in playing if not seat.judged],
            "command": [i for i, seat in playing if seat.judged and seat.command is None],
        }

    def move_on(self, step: int) -> tuple[dict[int, tuple[np.ndarray, int]], dict[int, np.ndarray]]:
        """Goes to the next moment, `step` ns later; returns the robots' starts and commands by number."""
        starts = {i: seat.start for i, seat in enumerate(self.seats) if seat.start is not None}
        commands = {i: seat.command for i, seat in enumerate(self.seats) if seat.playing}
        for seat in self.seats:
            seat.playing = seat.playing or seat.start is not None
            seat.judged, seat.command, seat.start = False, None, None
        self.stamp += step
        return starts, commands
