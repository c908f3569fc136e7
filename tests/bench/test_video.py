"""A video shows what an episode's record holds, at the pace of the simulation, and is written whole or not at all."""

import json
import math
import os
import signal
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from gymnasium import spaces
from PIL import Image, ImageSequence
from scipy.spatial.transform import Rotation

from control_bench.bench import video
from control_bench.bench.episode import Episode, Run
from control_bench.bench.pictures import picture_of
from control_bench.bench.pictures.balance import BalancePicture
from control_bench.bench.pictures.base import SIZE
from control_bench.bench.pictures.curves import Curves
from control_bench.bench.pictures.drivebot import BLUE, DrivebotPicture
from control_bench.bench.pictures.grasp import HAND, GraspPicture
from control_bench.bench.pictures.kuka import KukaPicture
from control_bench.bench.pictures.kuka_balance import KukaBalancePicture
from control_bench.bench.pictures.panel import WIDTH, number
from control_bench.bench.pictures.perspective import Perspective
from control_bench.bench.pictures.pole import FORCE
from control_bench.bench.pictures.reach import LINKS, TARGET, PlanarArmPicture
from control_bench.bench.run import run_episode
from control_bench.bench.video import FASTEST, STANDING, Film, check_video, write_video
from control_bench.controllers.actor import Actor
from control_bench.env import TaskEnv
from control_bench.errors import BadInput
from control_bench.plan import make_plan
from control_bench.registry import make_task
from control_bench.tasks.base import Task
from control_bench.tasks.drivebot import Drivebot
from control_bench.worlds.boxes import Box
from control_bench.worlds.renderer import Camera, Renderer

CASES = {
    "drivebot": ("drivebot", "turn_until_clear", {"max_steps": 25}, DrivebotPicture),
    "two_link": ("reach", "osc", {"leg_time": 0.2}, PlanarArmPicture),
    "three_link": ("reach", "osc", {"arm": "three_link", "leg_time": 0.2}, PlanarArmPicture),
    "kuka": ("reach", "osc", {"arm": "kuka", "leg_time": 0.06}, KukaPicture),
    "balance": ("balance", "linear", {}, BalancePicture),
    "kuka_balance": ("kuka_balance", "linear", {"actions": "continuous", "longest": 3}, KukaBalancePicture),
    "pixels": ("balance", "linear", {"observation": "pixels", "size": 48, "cameras": 2}, BalancePicture),
    "grasp": ("grasp", "antipodal_grasp", {"objects": "jenga", "closed_loop": True}, GraspPicture),
    "bin": ("bin", "antipodal_grasp", {"objects": "lego", "count": 5}, GraspPicture),
}
QUICK = ("run", "drivebot", "--controller", "turn_until_clear", "--set", "max_steps=5")


def rgb(colour):
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])


def near(image, place, colour, most=24):
    """Whether the pixel at a place has a colour."""
    x, y = np.round(place).astype(int)
    return (
        np.abs(np.asarray(image, dtype=int)[y, x] - (rgb(colour) if isinstance(colour, str) else colour)).max() < most
    )


def episode_of(rewards=(1.0, 1.0), outcome="over", actions=None, **readings):
    rewards = np.array(rewards, dtype=float)
    actions = np.zeros(len(rewards), dtype=int) if actions is None else actions
    return Episode(0, 7, outcome, {}, 0.1, rewards, actions, {name: np.array(r) for name, r in readings.items()})


@dataclass(frozen=True)
class MineSettings:
    pass


class Mine(Task):
    """A user's task, of whose world nothing is known but its readings."""

    name, Settings, step_duration = "mine", MineSettings, 0.05
    action_space = spaces.Discrete(2)


def film_of(steps=4, duration=0.05, task=None, **about):
    task = task or Mine(MineSettings())
    task.step_duration = duration
    way = np.linspace(0.0, 1.0, steps + 1)
    return Film(task, Run("mine", "always", 3), episode_of(np.ones(steps), height=way, **about))


@pytest.fixture(scope="module")
def films():
    """A film of each case, of a task that has no world."""
    made = {}

    def of(case):
        if case not in made:
            name, controller, settings, _ = CASES[case]
            plan = make_plan(name, controller, assignments={} if case == "pixels" else settings)
            env = TaskEnv(plan.make_task())
            episode = run_episode(env, Actor(plan.make_controller(env.task)), 0, 3)
            task = make_plan(name, controller, assignments=settings).make_task()  # another, and never run
            task.make_world = None
            made[case] = Film(task, Run(name, controller, 0), episode), episode
        return made[case]

    return of


@pytest.mark.parametrize("case", CASES)
def test_every_task_has_its_picture_of_every_moment(films, case):
    film, episode = films(case)
    assert type(film._picture) is CASES[case][3]
    assert film.moments[0] == 0 and film.moments[-1] == episode.steps
    frames = [film.frame(moment) for moment in (0, film.moments[len(film) // 2], episode.steps)]
    assert all(frame.size == (SIZE + WIDTH, SIZE) and frame.mode == "RGB" for frame in frames)
    pictures = [np.asarray(frame)[:, :SIZE] for frame in frames]
    assert (pictures[0] != pictures[1]).any() and (pictures[1] != pictures[2]).any()
    assert len(film._picture.facts(0)) <= 4
    # A moment looks the same whatever was drawn before.
    assert (np.asarray(film.frame(0)) == np.asarray(frames[0])).all()


@pytest.mark.parametrize("case", CASES)
def test_what_is_recorded_is_enough(films, case):
    film, episode = films(case)
    task = film._picture.task
    kept = task.recorded or film._picture.reads
    bare = Episode(**{**vars(episode), "readings": {name: episode.readings[name] for name in kept}})
    assert type(picture_of(task, bare)) is CASES[case][3]
    picture_of(task, bare).draw(episode.steps)


@pytest.mark.parametrize("duration", [0.001, 0.01, 1 / 24, 1 / 30, 0.2, 3.0])
@pytest.mark.parametrize("steps", [1, 7, 100])
def test_frames_are_as_far_apart_as_the_steps(duration, steps):
    film = film_of(steps, duration)
    assert film.rate <= FASTEST * (1 + 1e-9)
    assert film.rate > FASTEST / 2 or film.moments == list(range(steps + 1))
    apart = np.diff(film.moments)
    assert film.moments[0] == 0 and film.moments[-1] == steps and (apart > 0).all()
    np.testing.assert_allclose(apart[:-1] * duration, 1 / film.rate)
    np.testing.assert_allclose(film.times.sum(), steps * duration + STANDING)
    assert len(film.times) == len(film)


def frames_of(path):
    with Image.open(path) as gif:
        return [(frame.info["duration"], frame.convert("RGB")) for frame in ImageSequence.Iterator(gif)]


@pytest.mark.parametrize("steps, duration", [(6, 1 / 24), (10, 0.01), (2, 0.2)])
def test_a_gif_is_true_to_time_and_to_its_frames(tmp_path, steps, duration):
    film, done = film_of(steps, duration), []
    write_video(tmp_path / "a.gif", film, lambda: done.append(1))
    shown = frames_of(tmp_path / "a.gif")
    assert len(shown) == len(film) == len(done)
    assert abs(sum(time for time, _ in shown) - 1000 * (steps * duration + STANDING)) < 6
    ends = np.cumsum([time for time, _ in shown])
    np.testing.assert_allclose(ends, 1000 * np.cumsum(film.times), atol=5.1)
    for (_, frame), expected in zip(shown, film, strict=True):
        assert np.abs(np.asarray(frame, dtype=int) - np.asarray(expected, dtype=int)).mean() < 0.5


@pytest.mark.parametrize("steps, duration", [(6, 1 / 24), (15, 0.01), (2, 0.2), (2, 3.0)])
def test_an_mp4_is_true_to_time_and_to_its_frames(tmp_path, steps, duration):
    imageio = pytest.importorskip("imageio.v2")  # an extra, `video`, which scripts/setup installs
    pytest.importorskip("imageio_ffmpeg")
    film, done = film_of(steps, duration), []
    write_video(tmp_path / "a.mp4", film, lambda: done.append(1))
    assert len(done) == len(film)
    with imageio.get_reader(tmp_path / "a.mp4") as reader:
        about, shown = reader.get_meta_data(), [frame for frame in reader]
    assert about["size"] == (SIZE + WIDTH, SIZE) and about["codec"] == "h264"
    still = round(about["fps"] / film.rate)
    np.testing.assert_allclose(about["fps"], still * film.rate, rtol=0.001)
    assert about["fps"] >= 2 and (still == 1 or film.rate < 2)
    assert len(shown) == still * (len(film) - 1) + math.ceil(STANDING * about["fps"] - 1e-9)
    standing = math.ceil(STANDING * about["fps"] - 1e-9) / about["fps"]
    assert abs(len(shown) / about["fps"] - steps * duration - standing) < 1 / film.rate
    for place in (0, len(film) - 2, len(film) - 1):
        expected = np.asarray(film.frame(film.moments[place]), dtype=int)
        assert np.abs(shown[still * place].astype(int) - expected).mean() < 3


def test_the_robot_is_drawn_where_it_was(films):
    film, episode = films("drivebot")
    picture = film._picture
    for moment in (0, 9, episode.steps):
        x, y, theta = episode.readings["pose"][moment]
        behind = (x - 0.15 * np.cos(theta), y - 0.15 * np.sin(theta))
        image = picture.draw(moment)
        assert near(image, picture.plane(behind), BLUE) and near(image, picture.plane((x, y)), "#ffffff")
    grid = film._picture.task.grid
    image = np.asarray(picture.draw(0), dtype=int)
    for row, column in np.random.default_rng(1).integers(0, 500, (200, 2)):
        if len(np.unique(grid.cells[row - 3 : row + 4, column - 3 : column + 4])) == 1 and grid.cells[row, column]:
            assert near(image, picture.plane(((column + 0.5) / 50, (row + 0.5) / 50)), "#4a4a4a")


def test_a_sonars_cone_reaches_as_far_as_it_read():
    task = make_task("drivebot")
    pose = np.tile([5.0, 9.0, 0.0], (3, 1))
    sonar = np.array([[1.5, np.inf, np.inf], [np.inf, 0.3, np.inf], [-np.inf, np.inf, np.inf]])
    picture = picture_of(task, episode_of(pose=pose, sonar=sonar))
    white = [near(picture.draw(moment), picture.plane((x, 9.1)), "#ffffff", 6)
             for moment in range(3) for x in (6.4, 6.8)]  # fmt: skip
    assert white == [False, True, False, False, True, True]
    assert "0.30 m" in picture.facts(1).values() and len(picture.facts(2)) == 1
    blind = picture_of(task, episode_of(pose=pose))
    assert near(blind.draw(0), picture.plane((6.4, 9.1)), "#ffffff", 6)


LASER = """
robot:
  robot_specifications:
    - footprint: {footprint_specifications: {radius: 0.2}}
    - sonar: {sonar_specifications: {cone_angle: 0.2, pose: {x: 0, y: 0, theta: 3.14159}}}
    - laser: {laser_specifications: {min_angle: -0.5, max_angle: 0.5, num_rays: 41, max_range: 3.0}}
    - kinematic: {kinematic_specifications: {kinematic_model: ideal}}
"""


def test_a_lasers_rays_are_drawn(tmp_path):
    (tmp_path / "robot.yaml").write_text(LASER)
    task = make_task("drivebot", {"robot": str(tmp_path / "robot.yaml"), "starts": "anywhere"})
    name = task.robot.lasers[0].frame_id
    rays = np.full((3, 41), 2.0)
    rays[1, 20] = np.inf
    picture = picture_of(task, episode_of(pose=np.tile([3.0, 9.0, 0.0], (3, 1)), **{name: rays}))
    hit, beam = picture.plane((5.0, 9.0)), picture.plane((4.0, 9.0))
    assert near(picture.draw(0), hit, "#d55e00", 40) and not near(picture.draw(1), hit, "#d55e00", 40)
    assert not near(picture.draw(0), beam, "#ffffff") and near(picture.draw(0), picture.plane((4.0, 8.0)), "#ffffff")


def test_of_a_large_map_the_part_about_the_path_is_shown(tmp_path):
    Image.fromarray(np.full((600, 1000), 255, np.uint8)).save(tmp_path / "hall.png")
    (tmp_path / "hall.yaml").write_text("image: hall.png\nresolution: 0.1\norigin: [0, 0, 0]\nnegate: 0\n"
                                        "occupied_thresh: 0.6\nfree_thresh: 0.3\n")  # fmt: skip
    task = make_task("drivebot", {"map": str(tmp_path / "hall.yaml")})
    for place in ((50.0, 30.0), (1.0, 1.0), (99.0, 59.0)):
        plane = picture_of(task, episode_of(pose=np.tile([*place, 0.0], (3, 1)))).plane
        assert plane.side == 10 and (plane(place) > 0).all() and (plane(place) < SIZE).all()
        low, high = np.array(plane.middle) - 5, np.array(plane.middle) + 5
        assert (low > -1e-4).all() and (high < (100.0001, 60.0001)).all()


@pytest.mark.parametrize("case", ["two_link", "three_link"])
def test_an_arm_is_drawn_where_its_joints_were(films, case):
    film, episode = films(case)
    picture, model = film._picture, film._picture.model
    np.testing.assert_allclose(picture.joints[:, -1], [model.hand(q) for q in episode.readings["true_position"]])
    for moment in (0, episode.steps // 2, episode.steps):
        image, joints = picture.draw(moment), picture.joints[moment]
        for link, colour in zip(range(model.joints), LINKS, strict=False):
            assert near(image, picture.plane(0.6 * joints[link] + 0.4 * joints[link + 1]), colour)
        assert near(image, picture.plane(joints[-1]), "#ffffff")
        target, hand = episode.readings["target"][moment], joints[-1]
        if np.linalg.norm(target - hand) * picture.plane.scale > 16:
            assert near(image, picture.plane(target), TARGET)
    turn = picture.turn
    assert (episode.readings["target"][turn] == model.centre).all()
    assert (episode.readings["target"][turn - 1] != model.centre).any()
    assert picture.facts(0)["way"] == "out" and picture.facts(episode.steps)["way"] == "back"


def test_the_kuka_is_drawn_where_its_links_were(films):
    film, episode = films("kuka")
    picture = film._picture
    assert len(picture.others) == 9 and film._picture.turn == 6
    for moment in (0, episode.steps):
        image = np.asarray(picture.draw(moment), dtype=int)
        states = picture._bullet.getLinkStates(picture._body, list(range(7)), computeForwardKinematics=True)
        for x, y in np.round(picture.perspective([state[4] for state in states])).astype(int):
            colour = image[y, x]  # blue, orange or black, where the floor is grey
            assert np.ptp(colour) > 40 or colour.max() < 110
        assert near(image, picture.perspective(picture.hands[moment]), "#ffffff")


def test_the_perspective_is_the_renderers():
    camera = Camera((1.0, -2.0, 1.5), (0.2, 0.1, 0.3), 40.0, size=SIZE)
    renderer, perspective = Renderer((camera,), (), (Box("dot", (0.01,) * 3, (0.0, 0.0, 0.0)),)), Perspective(camera)
    picture = np.empty(renderer.shape, np.uint8)
    for place in np.random.default_rng(2).uniform(-0.3, 0.5, (20, 3)):
        renderer.draw(np.array([[*place, 0, 0, 0, 1.0]]), picture)
        rows, columns = np.nonzero(picture[0, ..., 0] != 255)
        np.testing.assert_allclose(perspective(place), (columns.mean(), rows.mean() + 1.0), atol=0.8)
    assert np.isnan(perspective((2.0, -4.0, 2.0))).all()


def balancing(cart=(0.0, 0.0), leans=(0.0,) * 3, forces=((0.0, 0.0),) * 3, **settings):
    """The picture of an episode whose pole leans (roll, rad) about its foot on the cart."""
    task = make_task("balance", settings)
    poses = np.zeros((len(leans), 2, 2, 7))
    for moment, lean in enumerate(leans):
        turned = Rotation.from_euler("x", lean)
        foot = np.array([*cart, 0.1])
        poses[moment, :, 0] = (*cart, 0.075, 0, 0, 0, 1)
        poses[moment, :, 1] = (*(foot + turned.apply((0, 0, 0.25))), *turned.as_quat())
    return picture_of(task, episode_of(np.ones(len(leans) - 1), "balanced", poses=poses, force=forces)), poses


def is_green(image, place):
    x, y = np.round(place).astype(int)
    red, green, blue = np.asarray(image, dtype=int)[y, x]
    return green > 1.5 * red and green > 1.5 * blue


@pytest.mark.parametrize("cart", [(0.0, 0.0), (1.3, -0.8)])
def test_the_pole_is_drawn_as_it_leans(cart):
    picture, poses = balancing(cart, (0.0, 0.25, -0.25))
    tops = [pose[-1, 1, :3] + Rotation.from_quat(pose[-1, 1, 3:]).apply((0, 0, 0.2)) for pose in poses]
    for moment in range(3):
        away = np.append(picture.middles[moment], 0.0)
        seen = [is_green(picture.draw(moment), picture.perspective(top - away)) for top in tops]
        assert seen == [other == moment for other in range(3)]
    assert picture.facts(1)["lean"].startswith("14.3°")


def test_the_camera_goes_along_and_the_cart_stays_in_sight():
    steps = 60
    poses = np.zeros((steps + 1, 1, 2, 7))
    poses[..., 6] = 1.0
    poses[:, 0, :, 0] = np.minimum(np.linspace(0, 6, steps + 1), 2.0)[:, None]  # fast, and then it stands
    poses[..., 2] = 0.075, 0.35
    picture = picture_of(make_task("balance"), episode_of(np.ones(steps), poses=poses, force=np.zeros((steps + 1, 2))))
    away = poses[:, 0, 0, :3] - np.column_stack([picture.middles, np.zeros(steps + 1)])
    seen = picture.perspective(away)
    assert (seen > 60).all() and (seen < SIZE - 60).all()
    assert np.abs(np.diff(picture.middles[:, 0], 2)).max() < np.abs(np.diff(poses[:, 0, 0, 0], 2)).max()


def test_the_force_is_an_arrow_on_the_floor():
    picture, _ = balancing(forces=((0, 0), (50.0, 0), (0, -25.0)))
    ahead, aside = picture.perspective([(0.45, 0.0, 0.05), (0.0, -0.3, 0.05)])
    drawn = [[near(picture.draw(moment), place, FORCE) for place in (ahead, aside)] for moment in range(3)]
    assert drawn == [[False, False], [True, False], [False, True]]
    assert [picture.facts(moment)["force"] for moment in range(3)] == ["0 N", "50 N", "25 N"]


def test_what_the_cameras_see_is_shown_to_the_pixel():
    picture, poses = balancing((0.1, 0.2), observation="pixels", size=48, cameras=2)
    renderer = picture.task.make_renderer()
    expected = np.empty(renderer.shape, np.uint8)
    renderer.draw(poses[1, -1], expected)
    image = np.asarray(picture.draw(1))
    for place, one in enumerate(expected):
        inset = image[SIZE - 110 : SIZE - 14, 14 + 104 * place : 110 + 104 * place]
        assert (inset[4:-4:2, 4:-4:2] == one[2:-2, 2:-2]).all()


def of_the_hand(picture):
    """Bool (height, width): the pixels that show a hand in some light."""
    pixels = np.asarray(picture, dtype=float)
    shade = pixels[..., 2] / HAND[2]
    return (np.abs(pixels - shade[..., None] * HAND).max(axis=2) < 4.0) & (shade > 0.3)


def test_a_grasp_in_one_go_shows_the_hand_where_it_is_sent(films):
    film, episode = films("bin")
    shown = film._picture
    assert of_the_hand(shown.draw(0)).sum() > 300 and shown.facts(0)["hand"] == "is sent"
    assert shown.facts(0)["quality"] == f"{episode.readings['command'][1][4]:.2f}"
    # At the end it is nowhere sent, and at home out of sight.
    assert not of_the_hand(shown.draw(episode.steps)).any() and shown.facts(episode.steps)["hand"] == "home"
    # Sent elsewhere, it is seen elsewhere.
    commands = episode.readings["command"].copy()
    columns = []
    for y in (-0.1, 0.1):
        commands[1, :3] = 0.0, y, 0.05
        readings = episode.readings | {"command": commands}
        columns.append(np.nonzero(of_the_hand(GraspPicture(shown.task, episode_of(**readings)).draw(0)))[1].mean())
    assert abs(columns[1] - columns[0]) > 50


def test_a_grasp_in_a_closed_loop_shows_the_hand_where_it_is(films):
    film, episode = films("grasp")
    low = int(episode.readings["hand"][:, 2].argmin())
    assert not of_the_hand(film._picture.draw(0)).any() and of_the_hand(film._picture.draw(low)).sum() > 300
    assert film._picture.facts(low)["hand"] != "is sent"


def test_the_panel_tells_how_it_ended_and_only_then(films):
    film, episode = films("drivebot")
    badge = (SIZE + 24, SIZE - 24)
    assert not near(film.frame(episode.steps - 1), badge, "#009e73") and near(
        film.frame(episode.steps), badge, "#009e73"
    )
    other = Film(film._picture.task, Run("drivebot", "x", 0), Episode(**{**vars(episode), "outcome": "stuck"}))
    assert near(other.frame(episode.steps), badge, "#d55e00")


def test_numbers_are_short():
    assert [number(x) for x in (0.0, -0.001, 12.345, -123.45, 1234567.8)] == [
        "0.00", "0.00", "12.35", "-123.5", "1,234,568",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "readings",
    [
        {},
        {"height": [0.0, 1.0, 2.0]},
        {"height": [0.0, np.nan, np.inf], "place": np.arange(9.0).reshape(3, 3), "on": [True, False, True]},
        {
            "still": [1, 1, 1],
            "image": np.zeros((3, 40, 40, 3), np.uint8),
            "word": ["a", "b", "c"],
            "nothing": [np.nan] * 3,
        },
        {f"reading {place}": np.zeros((3, 2)) for place in range(20)},
        {"too short": [0.0]},
    ],
)
def test_a_users_task_has_curves_of_its_readings(readings):
    film = Film(Mine(MineSettings()), Run("mine:Mine", "always", 3), episode_of(**readings))
    assert type(film._picture) is Curves
    for moment in range(3):
        assert film.frame(moment).size == (SIZE + WIDTH, SIZE)


def test_the_curves_go_as_the_readings_do():
    picture = picture_of(Mine(MineSettings()), episode_of(height=[0.0, 0.0, 1.0], depth=[1.0, 0.0, 0.0]))
    (top, high), image = picture._panel(0), picture.draw(2)
    assert near(image, (SIZE - 26, top + 6), BLUE) and not near(image, (SIZE - 26, top + high - 6), BLUE)
    top, high = picture._panel(1)
    assert near(image, (SIZE - 26, top + high - 6), BLUE)


@pytest.mark.parametrize("actions", [np.zeros((2, 30)), np.array([[np.nan, 2.0], [0.0, -3.0]]), np.zeros((2, 2, 2))])
def test_whatever_a_users_actions_are_they_can_be_shown(actions, monkeypatch):
    task = Mine(MineSettings())
    task.action_space = spaces.Box(-np.inf, np.inf, actions.shape[1:])
    Film(task, Run("mine", "always", 3, label="x" * 90), episode_of(actions=actions)).frame(2)
    del task.action_space
    monkeypatch.delattr(Mine, "step_duration")
    assert Film(task, Run("mine", "always", 3), episode_of(actions=actions)).rate == 10


def test_a_task_that_was_derived_from_ours_is_drawn_as_ours_and_a_namesake_is_not():
    class Faster(Drivebot):
        name = "faster"

    pose = np.tile([5.0, 9.0, 0.0], (3, 1))
    assert type(picture_of(Faster(), episode_of(pose=pose))) is DrivebotPicture
    assert type(picture_of(Faster(), episode_of(place=pose))) is Curves

    class Namesake(Mine):
        name = "drivebot"

    assert type(picture_of(Namesake(MineSettings()), episode_of(pose=pose))) is Curves


@pytest.mark.parametrize("name", ["a.avi", "a", ".mp4", "folder.gif"])
def test_another_ending_is_refused(tmp_path, name):
    (tmp_path / "folder.gif").mkdir()
    with pytest.raises(BadInput, match=r"end in \.mp4 or \.gif"):
        check_video(tmp_path / name)


def test_where_nothing_can_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.gif", "/proc/nowhere/a.gif"):
        with pytest.raises(BadInput, match="name a folder you may write to"):
            check_video(path)
    assert check_video(tmp_path / "new" / "a.GIF") == tmp_path / "new" / "a.GIF"
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("library", ["imageio", "imageio.v2", "imageio_ffmpeg"])
def test_a_missing_library_is_told_with_both_ways_out(tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BadInput, match=r"pip install 'control_bench\[video\]', or name a \.gif"):
        check_video(tmp_path / "a.mp4")
    assert check_video(tmp_path / "a.gif")
    write_video(tmp_path / "a.gif", film_of(2))


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_a_video_is_whole_or_not_there(tmp_path, ending):
    path, count = tmp_path / f"a{ending}", [0]
    path.write_text("what was there before")

    def stop():
        count[0] += 1
        if count[0] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(path, film_of(8, 0.1), stop)
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "what was there before"
    write_video(path, film_of(3, 0.1))
    assert list(tmp_path.iterdir()) == [path] and path.stat().st_size > 2000


def test_what_is_wrong_is_told_before_anything_is_run(cli, tmp_path, monkeypatch):
    monkeypatch.setattr("control_bench.bench.run.run_episode", None)
    status, out, err = cli(*QUICK, "--video", tmp_path / "a.avi", "--store", tmp_path / "a.db")
    assert (status, out) == (2, "") and len(err.splitlines()) == 1 and "a.avi" in err
    assert list(tmp_path.iterdir()) == []


def test_the_first_episode_is_filmed_and_the_same_one_in_the_same_bytes(cli, tmp_path):
    status, out, _ = cli(*QUICK, "--episodes", 2, "--video", tmp_path / "two.gif")
    assert status == 0 and out.splitlines()[-1] == f"wrote {tmp_path / 'two.gif'}"
    status, out, err = cli(*QUICK, "--episodes", 1, "--video", tmp_path / "one.gif", "--json")
    assert status == 0 and json.loads(out)["episodes"] == 1 and err == ""
    assert (tmp_path / "one.gif").read_bytes() == (tmp_path / "two.gif").read_bytes()
    assert len(frames_of(tmp_path / "one.gif")) == 6
    cli(*QUICK, "--episodes", 1, "--video", tmp_path / "other.gif", "--seed", 1)
    assert (tmp_path / "other.gif").read_bytes() != (tmp_path / "two.gif").read_bytes()


def test_ctrl_c_while_filming_keeps_the_results_and_no_half_file(cli, tmp_path, monkeypatch):
    drawn = []

    def frame(film, moment):
        drawn.append(moment)
        if len(drawn) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return Image.new("RGB", (SIZE + WIDTH, SIZE), (moment, 0, 0))

    monkeypatch.setattr(video.Film, "frame", frame)
    status, out, _ = cli(*QUICK, "--episodes", 1, "--video", tmp_path / "a.gif", "--json")
    assert status == 130 and json.loads(out)["episodes"] == 1 and len(drawn) == 5
    assert list(tmp_path.iterdir()) == []
