"""Lockstep's rule, without ROS: when the world may move on.

Every robot that is in an episode owes one judgement and one command for the sensors of this moment; they may come in
any order. The command that answers an episode's last moment moves nothing, but with it nobody has anything left to say
of that episode, and nothing that is said late can be taken for a part of the next one. A robot whose episode has ended
is waited for no more until it is reset; it joins in at the next moment.

An episode that is cut short by a reset leaves a gap in the stamps: that of one moment is left out. By this alone a
controller knows that what it sees next may not be what its last command led to.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Seat:
    """One robot's part in the moment: what it still owes."""

    playing: bool = False
    first: bool = False
    judged: bool = False
    ended: bool = False
    command: np.ndarray | None = None
    start: tuple[np.ndarray, int] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether its episode has a next moment."""
        return self.playing and not self.ended and self.start is None

    @property
    def owes(self) -> list[str]:
        """Where it is to be reset, a judgement is of no account any more, nor the answer to a first moment, which none
        would be given without one."""
        to_start = self.start is not None
        answered = self.command is not None or (to_start and self.first and not self.judged)
        debts = {"judgement": self.judged or to_start, "command": answered}
        return [debt for debt, paid in debts.items() if self.playing and not paid]


@dataclass
class Lockstep:
    """The robots at the table, and the stamp of the moment they are at, ns."""

    robots: int
    stamp: int
    step: int
    seats: list[Seat] = field(init=False)

    def __post_init__(self) -> None:
        self.seats = [Seat() for _ in range(self.robots)]
        self._gap = False

    @property
    def next_stamp(self) -> int:
        """That of the next moment, as things are, ns."""
        return self.stamp + self.step * (2 if self._gap else 1)

    def reset(self, robot: int, start: np.ndarray, seed: int) -> None:
        """The robot begins a new episode at the next moment."""
        seat = self.seats[robot]
        self._gap |= seat.goes_on
        seat.start = (start, seed)

    def judge(self, robot: int, stamp: int, ended: bool) -> None:
        """A judgement came; one of another moment is of no account."""
        seat = self.seats[robot]
        if seat.playing and stamp == self.stamp:
            seat.judged, seat.ended = True, ended

    def command(self, robot: int, command: np.ndarray) -> None:
        """A command came; a robot that owes none (it has sent one, or is in no episode) is not heard."""
        seat = self.seats[robot]
        if seat.playing and seat.command is None:
            seat.command = command

    def forgive(self, robot: int) -> None:
        """A robot that is to be reset owes nothing any more: whoever should have answered does not."""
        self.seats[robot].playing = False

    @property
    def starting(self) -> list[int]:
        """The robots that are to begin an episode."""
        return [i for i, seat in enumerate(self.seats) if seat.start is not None]

    def ready(self) -> bool:
        """Whether every robot has paid, and there is something to move on for."""
        paid = not any(seat.owes for seat in self.seats)
        return paid and any(seat.goes_on or seat.start is not None for seat in self.seats)

    def owing(self) -> dict[str, list[int]]:
        """Who is waited for, by what they owe."""
        debts = [seat.owes for seat in self.seats]
        return {what: [i for i, owed in enumerate(debts) if owed[:1] == [what]] for what in ("judgement", "command")}

    def move_on(self) -> tuple[dict[int, tuple[np.ndarray, int]], dict[int, np.ndarray]]:
        """Goes to the next moment; returns the robots' starts and commands by number."""
        starts = {i: seat.start for i, seat in enumerate(self.seats) if seat.start is not None}
        commands = {i: seat.command for i, seat in enumerate(self.seats) if seat.goes_on}
        self.seats = [Seat(i in starts or i in commands, first=i in starts) for i in range(self.robots)]
        self.stamp, self._gap = self.next_stamp, False
        return starts, commands
