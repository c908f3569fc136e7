"""The hand-written rules: what they do, what they remember, and what they refuse."""

import numpy as np
import pytest
from gymnasium import spaces

from control_bench.controllers.furthest_sonar import FurthestSonar
from control_bench.controllers.turn_until_clear import FORWARD, LEFT, RIGHT, TurnUntilClear, TurnUntilClearSettings
from control_bench.errors import BadInput

ACTIONS = spaces.Discrete(3)
SONARS = spaces.Box(0.0, 300.0, (3,), np.float32)


def turner(**settings):
    controller = TurnUntilClear(SONARS, ACTIONS, TurnUntilClearSettings(**settings))
    controller.begin(0)
    return controller


def acts(controller, *observations):
    return [controller.act(np.array(one, np.float32)) for one in observations]


def test_furthest_sonar_acts_by_the_number_it_sees():
    controller = FurthestSonar(spaces.MultiDiscrete([3]), ACTIONS)
    assert [controller.act(np.array([k])) for k in (2, 0, 1)] == [2, 0, 1]


def test_drives_on_until_the_front_is_short_then_turns_to_the_longer_side():
    assert acts(turner(), (60, 10, 20)) == [FORWARD]  # not below turn_below yet
    assert acts(turner(), (59, 20, 10)) == [LEFT]
    assert acts(turner(), (59, 10, 20)) == [RIGHT]


def test_keeps_turning_the_same_way_until_the_front_is_clear():
    # The other side becomes the longer one, and the front passes turn_below: neither stops the turn, clear_above does.
    seen = [(50, 90, 80), (50, 10, 200), (75, 10, 200), (80, 10, 200), (81, 10, 200), (75, 10, 200)]
    assert acts(turner(), *seen) == [LEFT, LEFT, LEFT, LEFT, FORWARD, FORWARD]


def test_begin_forgets_the_turn():
    controller = turner()
    assert acts(controller, (50, 90, 80), (70, 0, 0)) == [LEFT, LEFT]
    controller.begin(1)
    assert acts(controller, (70, 0, 0)) == [FORWARD]


def test_the_two_distances_can_be_set():
    controller = turner(turn_below=20.0, clear_above=30.0)
    assert acts(controller, (25, 1, 2), (19, 1, 2), (29, 1, 2), (31, 1, 2)) == [FORWARD, RIGHT, RIGHT, FORWARD]


@pytest.mark.parametrize("settings", [{"turn_below": 0.0}, {"turn_below": 90.0}])
def test_distances_that_make_no_sense_are_refused(settings):
    with pytest.raises(BadInput, match="turn_below"):
        TurnUntilClearSettings(**settings)


@pytest.mark.parametrize(
    "cls, observations, actions, mend",
    [
        (FurthestSonar, spaces.MultiDiscrete([3, 3, 3]), ACTIONS, "encoder: furthest and history: 1"),
        (FurthestSonar, SONARS, ACTIONS, "set another encoder"),
        (FurthestSonar, spaces.MultiDiscrete([3]), spaces.Box(-1, 1, (2,)), "actions: discrete"),
        (TurnUntilClear, spaces.Box(0.0, 300.0, (6,)), ACTIONS, "encoder: raw and history: 1"),
        (TurnUntilClear, spaces.MultiDiscrete([3]), ACTIONS, "set another encoder"),
        (TurnUntilClear, SONARS, spaces.Box(-1, 1, (2,)), "actions: discrete"),
    ],
)
def test_wrong_spaces_are_refused_with_the_mend(cls, observations, actions, mend):
    with pytest.raises(BadInput) as caught:
        cls(observations, actions)
    assert cls.__name__ in str(caught.value) and mend in str(caught.value) and "\n" not in str(caught.value)
