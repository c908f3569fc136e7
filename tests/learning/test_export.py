"""Export: what acts in onnxruntime acts as the learner does; and what can't be exported is told in one line."""

import json
import sys

import numpy as np
import pytest
import torch

from control_bench.errors import BadInput
from control_bench.learning.export import export
from control_bench.plan import make_plan
from control_bench.registry import make_env

# An extra, `export`, which scripts/setup installs.
# An extra, `export`, which scripts/setup installs.
onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.usefixtures("one_thread")

DISCRETE = {"actions": "discrete"}
PICTURES = {"observation": "pixels", "size": 16, "cameras": 2, "filters": [3], "preprocess": "bounds"}
CASES = {
    "dqn-poses": ("dqn", DISCRETE | {"preprocess": "whiten", "dueling": True}),
    "dqn-pictures": ("dqn", DISCRETE | PICTURES | {"mirror": False}),
    "naf-poses": ("naf", {"preprocess": "upright"}),
    "naf-pictures": ("naf", PICTURES | {"mirror": False}),
    "ddpg-poses": ("ddpg", {"preprocess": "turning"}),
    "ddpg-pictures": ("ddpg", PICTURES | {"mirror": False}),
    "ppo-poses": ("ppo", {"preprocess": "standardise"}),
    "ppo-discrete": ("ppo", DISCRETE | {"preprocess": "bounds"}),
    "ppo-pictures": ("ppo", PICTURES),
}


def seen(task_settings, count=60):
    """What is seen in episodes of random actions (count, ...)."""
    env, rng, observations, ended = make_env("balance", **task_settings), np.random.default_rng(0), [], True
    while len(observations) < count:
        if ended:
            observations.append(env.reset(seed=len(observations))[0])
        action = rng.integers(5) if hasattr(env.action_space, "n") else rng.uniform(-1, 1, 2).astype(np.float32)
        observation, _, terminated, truncated, _ = env.step(action)
        observations.append(observation)
        ended = terminated or truncated
    return np.array(observations[:count])


def bold(learner, observations):
    """Weights that are not small, and a measure taken of what is seen, as after a training."""
    draw = torch.Generator().manual_seed(3)
    for network in learner.acting_networks().values():
        network.encoder.fit(observations)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(0.4 * torch.randn(parameter.shape, generator=draw))
    return learner


def made(task, controller, **settings):
    plan = make_plan(task, controller, assignments=settings)
    return plan, plan.make_controller(plan.make_task(), seed=1)


@pytest.fixture(scope="module", params=CASES)
def exported(request, tmp_path_factory):
    """A learner, what it saw, what `export` gave, and the file that it wrote into a folder that was not there."""
    name, settings = CASES[request.param]
    plan, learner = made("balance", name, hidden=[8], **settings)
    observations = seen(plan.task_settings)
    path = tmp_path_factory.mktemp("export") / "new" / "policy.onnx"
    apart = export(bold(learner, observations), {"task": "balance", "settings": {"hidden": [8], "x": None}}, path)
    return learner, observations, apart, path


def run(path, observation):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"observation": observation})[0]


def test_onnxruntime_acts_as_the_learner_does(exported):
    learner, observations, apart, path = exported
    actions = learner.greedy(observations)
    assert len(np.unique(actions, axis=0)) > 1  # or nothing would be shown
    for rows in (1, 2, 60):
        theirs = run(path, observations[:rows])
        assert theirs.shape == actions[:rows].shape and theirs.dtype == actions.dtype
        if actions.dtype.kind == "i":
            np.testing.assert_array_equal(theirs, actions[:rows])
        else:
            np.testing.assert_allclose(theirs, actions[:rows], atol=1e-5)
        assert all(learner.action_space.contains(action) for action in theirs)
    assert 0.0 <= apart <= 1e-5


def test_observations_come_in_their_own_kind_and_any_count(exported):
    learner, observations, _, path = exported
    (given,) = onnxruntime.InferenceSession(str(path)).get_inputs()
    assert given.name == "observation" and isinstance(given.shape[0], str)
    assert tuple(given.shape[1:]) == learner.observation_space.shape
    kinds = {"float64": "tensor(double)", "uint8": "tensor(uint8)"}
    assert given.type == kinds[observations.dtype.name]
    (told,) = onnxruntime.InferenceSession(str(path)).get_outputs()
    assert told.name == "action"


def test_the_file_is_whole_and_says_what_it_is(exported):
    *_, path = exported
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    about = {one.key: one.value for one in model.metadata_props}
    assert about["task"] == "balance" and json.loads(about["settings"]) == {"hidden": [8], "x": None}
    assert onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map["task"] == "balance"
    assert [file.name for file in path.parent.iterdir()] == ["policy.onnx"]  # nothing beside it


def test_poses_keep_the_digits_that_hide_a_velocity(tmp_path):
    # The pole 10 nm higher: in single precision it would be in the same place.
    _, learner = made("balance", "naf", hidden=[8], preprocess="whiten")
    bold(learner, seen({"actions": "continuous"}))
    encoder = learner.networks["network"].encoder
    still = seen({"actions": "continuous"}, 2)[1:]
    going = still.copy()
    going[:, -1, 1, 2] += 1e-8
    assert (still.astype(np.float32) == going.astype(np.float32)).all()
    with torch.no_grad():
        encoder.shift.copy_(encoder._flat(torch.as_tensor(still))[0])
        encoder.scale.fill_(1e-8)
    export(learner, {}, tmp_path / "policy.onnx")
    both = np.concatenate([still, going])
    assert np.abs(np.diff(learner.greedy(both), axis=0)).max() > 1e-3
    np.testing.assert_allclose(run(tmp_path / "policy.onnx", both), learner.greedy(both), atol=1e-4)


def test_a_learner_is_the_same_after_its_export(tmp_path):
    _, learner = made("balance", "ddpg", hidden=[4])
    before = learner.get_state()
    torch.manual_seed(1)
    drawn = torch.get_rng_state()
    export(learner, {}, tmp_path / "policy.onnx")
    assert torch.equal(torch.get_rng_state(), drawn)
    after = learner.get_state()
    assert after["rng"] == before["rng"]
    for network, variables in before["networks"].items():
        for name, value in variables.items():
            np.testing.assert_array_equal(after["networks"][network][name], value)


def test_an_export_takes_the_place_of_an_older_one(tmp_path):
    path = tmp_path / "policy.onnx"
    path.write_text("old")
    _, learner = made("balance", "ddpg", hidden=[4])
    export(learner, {}, path)
    assert run(path, seen({"actions": "continuous"}, 3)).shape == (3, 2)


def test_actions_of_a_large_range_may_be_a_share_of_it_off(tmp_path):
    # The KUKA's torques go to 300 Nm, of which single precision holds seven digits.
    _, learner = made("reach", "ddpg", arm="kuka")
    space = learner.observation_space
    bold(learner, np.stack([space.sample() for _ in range(50)]))
    assert export(learner, {}, tmp_path / "policy.onnx") < 300 * 1e-5


def test_a_policy_that_is_no_number_is_not_exported_as_a_good_one(tmp_path):
    _, learner = made("balance", "ddpg", hidden=[4])
    with torch.no_grad():
        learner.networks["actor"].trunk.biases[-1].fill_(torch.nan)
    with pytest.raises((BadInput, RuntimeError)):
        export(learner, {}, tmp_path / "policy.onnx")
    assert not (tmp_path / "policy.onnx").exists()


# What is refused.


@pytest.mark.parametrize(("task", "name"), [("drivebot", "q_table"), ("drivebot", "turn_until_clear"), ("reach", "pd")])
def test_what_has_no_network_is_refused_with_the_mend(tmp_path, task, name):
    _, controller = made(task, name)
    with pytest.raises(BadInput, match="has no network that acts by itself, to export: take a learner, such") as caught:
        export(controller, {}, tmp_path / "policy.onnx")
    assert type(controller).__name__ in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("library", ["onnx", "onnxruntime"])
def test_a_library_that_is_missing_is_told_with_the_mend(monkeypatch, tmp_path, library):
    monkeypatch.setitem(sys.modules, library, None)
    _, learner = made("balance", "naf", hidden=[4])
    with pytest.raises(BadInput, match=rf"export needs {library}: pip install 'control_bench\[export\]'") as caught:
        export(learner, {}, tmp_path / "policy.onnx")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_a_path_that_can_not_be_written_is_told(tmp_path):
    _, learner = made("balance", "ddpg", hidden=[4])
    (tmp_path / "file").write_text("kept")
    for path, mend in ((tmp_path / "file" / "policy.onnx", "a folder you may write to"), (tmp_path, "a file in it")):
        with pytest.raises(BadInput, match=f"can't be written .*name {mend}") as caught:
            export(learner, {}, path)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "kept"


# The command.


def test_the_command_writes_our_policy_and_says_so_in_one_line(cli, tmp_path):
    path = tmp_path / "policy.onnx"
    status, out, err = cli("export", "drivebot", "--controller", "dqn", "--out", path)
    assert (status, err) == (0, "") and len(out.splitlines()) == 1
    assert out.startswith(f"wrote {path}; onnxruntime's actions differ from dqn's by ")
    about = {one.key: one.value for one in onnx.load(str(path)).metadata_props}
    assert (about["task"], about["controller"]) == ("drivebot", "dqn")
    assert "Discrete" in about["spaces"]
    assert json.loads(about["task_settings"])["map"] == "track" and "hidden" in json.loads(about["controller_settings"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("drivebot", "--controller", "q_table"), "QTable has no network that acts by itself"),
        (("drivebot", "--controller", "furthest_sonar"), "FurthestSonar has no network that acts by itself"),
        (("balance", "--controller", "ppo", "--set", "preprocess=bounds"), "no policy of ppo ships for this"),
    ],
)
def test_the_command_refuses_in_one_line(cli, tmp_path, arguments, said):
    status, out, err = cli("export", *arguments, "--out", tmp_path / "policy.onnx")
    assert (status, out) == (2, "") and len(err.splitlines()) == 1 and said in err
    assert not list(tmp_path.iterdir())
