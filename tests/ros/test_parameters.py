"""What the nodes are told: settings in one text, whose policy, and how launch files hand texts on."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from control_bench.errors import BadInput
from control_bench.ros.parameters import ControllerParameters, PlanParameters, WorldParameters, plan_of

LAUNCH = Path(__file__).resolve().parents[2] / "launch"


def test_settings_are_read_as_a_shell_would():
    plan = plan_of(PlanParameters(settings="task.max_steps=7  task.map='a folder/my map.yaml'"))
    assert (plan.task_settings["max_steps"], plan.task_settings["map"]) == (7, "a folder/my map.yaml")


def test_a_quote_without_an_end_is_refused():
    with pytest.raises(BadInput, match="settings: task.map='a folder .* close the quote"):
        plan_of(PlanParameters(settings="task.map='a folder"))


@pytest.mark.parametrize("parameters", [WorldParameters, ControllerParameters])
def test_every_node_goes_by_the_policy_that_ships_unless_it_is_to_learn(parameters):
    # A policy's own settings describe the world that it was trained in.
    by_ours, learning = (plan_of(parameters(controller="q_table", learn=learn)) for learn in (False, True))
    assert by_ours.checkpoint.name == "q_table.pt" and learning.checkpoint is None


def test_launch_files_hand_texts_on_as_texts():
    # roslaunch makes a number of a label like 2024, which a node would refuse.
    texts = {"task", "controller", "preset", "checkpoint", "settings", "store", "label", "out"}
    seen = set()
    for file in LAUNCH.glob("*.launch*"):
        for parameter in ElementTree.parse(file).iter("param"):
            if parameter.get("name") in texts:
                seen.add(parameter.get("name"))
                assert parameter.get("type") == "str", (file.name, parameter.attrib)
    assert seen == texts
