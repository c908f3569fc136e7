"""Experience replay: the last steps of several parallel episodes, each observation held once.

A slot holds one step of every row, so the observation that follows slot t's is slot t + 1's: nothing is stored twice,
and n-step returns are read off the following slots. Sampling is even, or by priority (Schaul et al., 2016).
"""

from dataclasses import dataclass

import numpy as np

from control_bench.controllers.base import Transitions


@dataclass(frozen=True)
class Batch:
    """A sample; arrays (batch, ...). `reward` is the discounted n-step sum, `ahead` what the value behind it counts
    for. Of observations and states, those that were asked for; `next_action` is what a learner would do then, where it
    learns by that."""

    action: np.ndarray
    reward: np.ndarray
    ahead: np.ndarray
    index: np.ndarray
    weight: np.ndarray
    observation: np.ndarray | None = None
    next_observation: np.ndarray | None = None
    state: np.ndarray | None = None
    next_state: np.ndarray | None = None
    next_action: np.ndarray | None = None


class SumTree:
    """Priorities whose sum can be searched: setting and sampling cost log2(size) vector steps for a whole batch."""

    def __init__(self, size: int) -> None:
        self._leaves = 1 << (size - 1).bit_length()
        self.nodes = np.zeros(2 * self._leaves)

    def set(self, index: np.ndarray, priority: np.ndarray) -> None:
        nodes = index + self._leaves
        self.nodes[nodes] = priority
        while nodes[0] > 1:
            nodes = np.unique(nodes // 2)
            self.nodes[nodes] = self.nodes[2 * nodes] + self.nodes[2 * nodes + 1]

    def get(self, index: np.ndarray) -> np.ndarray:
        return self.nodes[index + self._leaves]

    def find(self, mass: np.ndarray) -> np.ndarray:
        """The leaves at which the running sum passes `mass`."""
        nodes, mass = np.ones(len(mass), dtype=np.int64), mass.copy()
        while nodes[0] < self._leaves:
            left = self.nodes[2 * nodes]
            right = (mass >= left) & (self.nodes[2 * nodes + 1] > 0)
            mass -= np.where(right, left, 0.0)
            nodes = 2 * nodes + right
        return nodes - self._leaves


class Replay:
    """Holds at least the last `capacity` steps.

    Args:
        n_step: rewards summed in a sample. discount: gamma.
        priority_exponent: 0 samples evenly, else by |TD error| to this power.
        bootstrap_terminal: count the value behind a terminal step too (as the drivebot article does).
        stacked: steps that are side by side along an observation's last axis, the newest last, and an episode's first
            in place of those before it. Only the newest is kept, and put beside the others again when it is drawn.
    """

    def __init__(
        self, capacity: int, n_step: int, discount: float, priority_exponent: float, bootstrap_terminal: bool = False,
        stacked: int = 1,
    ) -> None:  # fmt: skip
        self.capacity, self.n_step, self.discount = capacity, n_step, discount
        self.priority_exponent, self.bootstrap_terminal, self.stacked = priority_exponent, bootstrap_terminal, stacked
        self._data: dict[str, np.ndarray] = {}  # (slots, rows, ...)
        self._head = 0  # slots ever written
        self._tree: SumTree | None = None
        self._highest = 1.0

    def _allocate(self, one: dict[str, np.ndarray]) -> None:
        """Room for as many as are to be held, by what there is of one slot."""
        rows = len(one["valid"])
        slots = -(-self.capacity // rows) + self.n_step + self.stacked
        self._data = {name: np.zeros((slots, *values.shape), values.dtype) for name, values in one.items()}
        if self.priority_exponent:
            self._tree = SumTree(slots * rows)

    def _newest(self, observation: np.ndarray) -> np.ndarray:
        return observation[..., -(observation.shape[-1] // self.stacked) :]

    def _told(self, name: str, slot: np.ndarray, row: np.ndarray) -> np.ndarray:
        """What is called so in Transitions (count, ...); observations put together again."""
        kept = self._data[name]
        if name != "observation" or self.stacked == 1:
            return kept[slot, row]
        slots = [slot]
        for _ in range(self.stacked - 1):
            # What only began an episode led to the first of it; what was never written is not valid either.
            before = (slots[0] - 1) % len(kept)
            slots.insert(0, np.where(self._data["valid"][before, row], before, slots[0]))
        told = np.empty((len(slot), *kept.shape[2:-1], self.stacked, kept.shape[-1]), kept.dtype)
        np.moveaxis(told, -2, 1)[:] = kept[np.stack(slots, axis=1), row[:, None]]
        return told.reshape(*told.shape[:-2], self.stacked * kept.shape[-1])

    def add(self, transitions: Transitions) -> None:
        """Takes in one step of every row; each step's observations are the last one's next ones."""
        told = {name: values for name, values in vars(transitions).items() if values is not None}
        told.pop("next_observation", None)
        told["observation"] = self._newest(transitions.observation)
        if not self._data:
            self._allocate(told)
        slots, rows = self._data["valid"].shape
        slot = self._head % slots
        for name, values in told.items():
            self._data[name][slot] = values
        self._head += 1
        if self._tree is not None:
            # A slot can be drawn once the n that follow it are known, and as long as it is whole.
            lanes, oldest = np.arange(rows), self._oldest()
            for lost in range(max(0, oldest - self.stacked), oldest):
                self._tree.set((lost % slots) * rows + lanes, np.zeros(rows))
            if self._head > self.n_step:
                ready = (self._head - 1 - self.n_step) % slots
                self._tree.set(ready * rows + lanes, self._highest * self._data["valid"][ready])

    def __len__(self) -> int:
        """Steps that can be drawn now."""
        if not self._data:
            return 0
        slots, rows = self._data["valid"].shape
        drawable = np.arange(self._oldest(), max(0, self._head - self.n_step)) % slots
        return int(self._data["valid"][drawable].sum())

    def _oldest(self) -> int:
        """Of the slots ever written, the first that is whole."""
        lost = self._head - len(self._data["valid"]) + 1  # the next slot that is written counts as lost
        return lost + self.stacked - 1 if lost > 0 else 0

    def held(self, name: str) -> np.ndarray:
        """Of the steps that are held, what is called so in Transitions (count, ...)."""
        slots = np.arange(self._oldest(), self._head) % len(self._data["valid"])
        slot, row = np.nonzero(self._data["valid"][slots])
        return self._told(name, slots[slot], row)

    def sample(
        self, size: int, rng: np.random.Generator, importance: float = 1.0,
        wanted: tuple[str, ...] = ("observation", "next_observation"),
    ) -> Batch:  # fmt: skip
        """Draws `size` steps; `importance` is beta, how far the weights undo the priorities' bias. wanted: the
        observations and states that a batch is to have."""
        slots, rows = self._data["valid"].shape
        if self._tree is not None:
            total = self._tree.nodes[1]
            index = self._tree.find((np.arange(size) + rng.random(size)) * total / size)
            weight = (self._tree.get(index) * len(self) / total) ** -importance
            slot, row = index // rows, index % rows
            weight = (weight / weight.max()).astype(np.float32)
        else:
            slot, row = self._draw_evenly(size, rng)
            index, weight = slot * rows + row, np.ones(size, np.float32)
        reward, ahead, last = self._look_ahead(slot, row)
        following = (last + 1) % slots
        told = {
            name: self._told(name.removeprefix("next_"), following if name.startswith("next_") else slot, row)
            for name in wanted
        }
        return Batch(self._data["action"][slot, row], reward, ahead, index, weight, **told)

    def _draw_evenly(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        slots, rows = self._data["valid"].shape
        oldest = self._oldest()
        slot, row = np.zeros(size, np.int64), np.zeros(size, np.int64)
        missing = np.arange(size)
        while len(missing):  # rows that only began an episode are drawn again
            slot[missing] = rng.integers(oldest, self._head - self.n_step, len(missing)) % slots
            row[missing] = rng.integers(0, rows, len(missing))
            missing = missing[~self._data["valid"][slot[missing], row[missing]]]
        return slot, row

    def _look_ahead(self, slot: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The n-step reward, the weight of the value behind it, and the slot of its last step."""
        slots = len(self._data["valid"])
        reward, factor = np.zeros(len(slot), np.float32), np.ones(len(slot), np.float32)
        ahead, last = np.zeros(len(slot), np.float32), slot.copy()
        going = np.ones(len(slot), dtype=bool)
        for k in range(self.n_step):
            here = (slot + k) % slots
            if k:  # an episode that was cut off has no end of its own: a step that only began another one tells
                cut = going & ~self._data["valid"][here, row]
                ahead = np.where(cut, factor, ahead)
                going &= ~cut
            reward += np.where(going, factor * self._data["reward"][here, row], 0.0).astype(np.float32)
            factor = np.where(going, factor * np.float32(self.discount), factor)
            last = np.where(going, here, last)
            terminated, truncated = self._data["terminated"][here, row], self._data["truncated"][here, row]
            ends = terminated | truncated | (k == self.n_step - 1)
            value = factor if self.bootstrap_terminal else np.where(terminated, 0.0, factor)
            ahead = np.where(going & ends, value, ahead).astype(np.float32)
            going &= ~ends
        return reward, ahead, last

    def set_errors(self, index: np.ndarray, errors: np.ndarray) -> None:
        """Tells the TD errors of a sample, for the priorities."""
        if self._tree is None:
            return
        alive = self._tree.get(index) > 0
        priority = (np.abs(errors) + 1e-6) ** self.priority_exponent
        self._highest = max(self._highest, float(priority.max()))
        if alive.any():
            self._tree.set(index[alive], priority[alive])

    def get_state(self) -> dict:
        tree = None if self._tree is None else self._tree.nodes.copy()
        data = {name: values[: self._head].copy() for name, values in self._data.items()}
        return {"data": data, "head": self._head, "tree": tree, "highest": self._highest}

    def set_state(self, state: dict) -> None:
        self._head, self._highest = state["head"], state["highest"]
        if not state["data"]:
            return
        self._allocate({name: values[0] for name, values in state["data"].items()})
        for name, values in state["data"].items():
            self._data[name][: len(values)] = values
        if self._tree is not None:
            self._tree.nodes[:] = state["tree"]
