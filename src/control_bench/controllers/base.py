"""What every controller is: from observation to action. It knows nothing of worlds or of ROS."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from control_bench.errors import BadInput
from control_bench.learning.settings import TrainingSettings


@dataclass(frozen=True)
class NoSettings:
    """For a controller with nothing to set."""


class Controller:
    """From an observation to an action, one at a time.

    Args:
        observation_space, action_space: of the task, or of any Gymnasium environment.
        settings: an instance of `Settings`.
        seed: of whatever is random in it before an episode begins.

    A controller of your own needs `act` alone; `begin` if it remembers, `Settings` if it can be set, `refuses` if it
    does not suit every task.
    """

    Settings: ClassVar[type] = NoSettings
    uses: ClassVar[tuple[str, ...]] = ()
    """What it takes of the task as further arguments, by the attributes' names, such as `model`."""
    deadline: float | None = None
    """Seconds that `act` has, in real time; None where the world waits for it."""
    planned: np.ndarray | None = None
    """Where the robot is planned to go, m (steps, 2 or 3), for those that look on; None where nothing is planned."""

    def __init__(
        self, observation_space: spaces.Space, action_space: spaces.Space, settings: Any = None, seed: int = 0
    ) -> None:
        reason = self.refuses(observation_space, action_space)
        if reason:
            raise BadInput(f"{type(self).__name__} can't be used here: {reason}")
        self.observation_space, self.action_space = observation_space, action_space
        self.settings = settings if settings is not None else self.Settings()
        self.rng = np.random.default_rng(seed)

    @classmethod
    def refuses(cls, observation_space: spaces.Space, action_space: spaces.Space) -> str | None:
        """Why these spaces don't suit it, with the mend, or None if they do."""
        return None

    def begin(self, seed: int) -> None:
        """A new episode: forget the last one, and draw what is random in acting from the episode's seed."""
        self.rng = np.random.default_rng(seed)

    def act(self, observation: np.ndarray) -> Any:
        """The action for an observation."""
        raise NotImplementedError

    def trouble(self) -> str | None:
        """What is not as it should be, for the diagnostics of a robot; None while all is well."""
        return None


@dataclass(frozen=True)
class Transitions:
    """One step of several parallel episodes; arrays (rows, ...). `valid` is False in rows that only began an
    episode; `state` is the task's before the step, where it has one and somebody knows it."""

    observation: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    next_observation: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    valid: np.ndarray
    state: np.ndarray | None = None


class Trainable(Controller):
    """A controller whose policy is trained, saved and loaded.

    Attributes:
        of_task: whether its policy is of one task's observations and actions; else it is learned from data, and serves
            every task that the controller suits.
        Training: the dataclass of its training's settings. trainer: `module:class` of what trains it (see
            `learning.trainer.Trainer`), named so that running a policy imports no trainer.
    """

    of_task: ClassVar[bool] = True
    Training: ClassVar[type] = TrainingSettings
    trainer: ClassVar[str] = "control_bench.learning.training:LearnerTrainer"

    def get_policy(self) -> dict:
        """What acting needs, as arrays and plain values."""
        raise NotImplementedError

    def set_policy(self, policy: dict) -> None:
        """Takes back what `get_policy` gave; BadInput where it was made for something else."""
        raise NotImplementedError


class Learner(Trainable):
    """A controller that learns from transitions, while it drives or from many rows at once."""

    wants_state: bool = False
    """Whether it learns of the task's state too, which nobody tells who only sees topics."""

    def greedy(self, observation: np.ndarray) -> np.ndarray:
        """The best known actions (rows, ...) for observations (rows, ...)."""
        raise NotImplementedError

    def act(self, observation: np.ndarray):
        return self.greedy(np.asarray(observation)[None])[0]

    def explore(self, observation: np.ndarray) -> np.ndarray:
        """Actions (rows, ...) to learn from, for observations (rows, ...)."""
        raise NotImplementedError

    def learn(self, transitions: Transitions) -> None:
        """Takes in one step of every row, and trains as its settings say."""
        raise NotImplementedError

    def metrics(self) -> dict[str, float]:
        """Curves to log since the last call: losses, exploration, norms of every variable and gradient."""
        return {}

    def get_state(self) -> dict:
        """All that learning on depends on: the policy, and optimiser, replay and generators beside it."""
        raise NotImplementedError

    def set_state(self, state: dict) -> None:
        raise NotImplementedError


def refuse_unless(
    observation_space: spaces.Space, action_space: spaces.Space, observations: type, actions: type
) -> str | None:
    """A reason to refuse spaces that are not of the given kinds, or None."""
    if not isinstance(observation_space, observations):
        return f"it wants {observations.__name__} observations, not {observation_space}: set another encoder"
    if not isinstance(action_space, actions):
        mend = f"set actions: {'continuous' if actions is spaces.Box else 'discrete'} or another controller"
        return f"it wants {actions.__name__} actions, not {action_space}: {mend}"
    return None
