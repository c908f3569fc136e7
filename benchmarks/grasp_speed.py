"""How fast grasps are labelled, rendered, drawn and planned, each beside a named reference in the same run.

    python benchmarks/grasp_speed.py            (some five minutes on two idle cores)

- labels: robust force closure of 25 draws, both jaws' rays cast anew in each, sampling included; beside the same labels
  by a loop over grasps with trimesh's own rays, as a first script would have them. Collision checks are timed apart.
- epsilon labels: their own benchmark, epsilon_speed.py, has Qhull beside them; here with all that they need.
- pictures: 200 x 200, a new camera each; beside pybullet's TinyRenderer on the same object.
- data set: 400 shards by two processes beside one: all of them, and the later half, as each process has to read every
  object once.
- plans: of a 480 x 640 picture, on as many threads as torch takes (2 here): beside the time that the papers publish.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import torch
import trimesh

from control_bench.dynamics.bullet import Bullet, pybullet
from control_bench.env import TaskEnv
from control_bench.grasping.camera import PRIMESENSE, Camera, Viewpoint
from control_bench.grasping.dataset import SHARD, generate, make_card
from control_bench.grasping.examples import ExampleSettings
from control_bench.grasping.grasps import antipodal
from control_bench.grasping.gripper import gripper_of
from control_bench.grasping.objects import load_object, object_names
from control_bench.grasping.quality import contacts, reachable, robust_epsilon, robust_force_closure
from control_bench.grasping.stable_poses import draw_pose
from control_bench.plan import make_plan

GRIPPER, UNCERTAIN = gripper_of("wsg50"), ExampleSettings()
OBJECTS = [load_object(name) for name in object_names("train")[:20]]
PUBLISHED = {"cem": 0.8, "fully_convolutional": 0.625}
"""s, on GPUs: Mahler et al. 2017, Satish et al. 2019."""


def labels(kind, tries: int = 4000) -> tuple[int, float]:
    """How many labels, and the seconds that they took; every object twice, the first time untimed."""
    rng, count, seconds = np.random.default_rng(0), 0, 0.0
    for timed in (False, True):
        for obj in OBJECTS:
            pose = draw_pose(obj.stable_poses, rng)
            begun = time.perf_counter()
            grasps = antipodal(obj, pose, GRIPPER, UNCERTAIN.sampling_friction, tries, rng)
            if len(grasps):
                kind(obj, pose, grasps, rng)
            if timed:
                count, seconds = count + len(grasps), seconds + time.perf_counter() - begun
    return count, seconds


def closure(obj, pose, grasps, rng):
    robust_force_closure(contacts(obj, pose, grasps, GRIPPER, UNCERTAIN, rng))


def closure_and_collision(obj, pose, grasps, rng):
    closure(obj, pose, grasps, rng)
    reachable(obj, pose, grasps, GRIPPER, UNCERTAIN.clearance)


def epsilon(obj, pose, grasps, rng):
    robust_epsilon(contacts(obj, pose, grasps, GRIPPER, UNCERTAIN, rng))
    reachable(obj, pose, grasps, GRIPPER, UNCERTAIN.clearance)


def by_loops(obj, pose, grasps, rng):
    """The same label, grasp by grasp and draw by draw."""
    mesh = trimesh.Trimesh(obj.vertices, obj.faces, process=False)
    for centre, axis in zip(grasps.centres, grasps.axes, strict=True):
        closed = 0
        for _ in range(UNCERTAIN.draws):
            shift = rng.normal(0.0, UNCERTAIN.object_translation, 3) + rng.normal(0.0, UNCERTAIN.gripper_translation, 3)
            least = 1.0 / np.hypot(1.0, rng.normal(UNCERTAIN.friction, UNCERTAIN.friction_deviation))
            middle = (centre + shift - [0.0, 0.0, pose.height]) @ pose.rotation
            along = axis @ pose.rotation
            origins = np.array([middle - GRIPPER.opening / 2 * along, middle + GRIPPER.opening / 2 * along])
            ways = np.array([along, -along])
            _, ray, face = mesh.ray.intersects_location(origins, ways, multiple_hits=False)
            closed += len(ray) == 2 and all(
                -mesh.face_normals[f] @ ways[r] >= least for r, f in zip(ray, face, strict=True)
            )


def pictures(count: int = 300) -> tuple[float, float]:
    """Of ours and of pybullet's, a second."""
    rng, intrinsics = np.random.default_rng(1), PRIMESENSE.cropped(220, 140, 200, 200)
    obj, bullet = OBJECTS[0], Bullet()
    pose = draw_pose(obj.stable_poses, rng)
    vertices = obj.vertices @ pose.rotation.T + [0.0, 0.0, pose.height]
    views = [Viewpoint.around(0.7, angle, 0.2) for angle in rng.uniform(0, 2 * np.pi, count)]
    Camera(intrinsics, views[0]).render(vertices, obj.faces)
    begun = time.perf_counter()
    for view in views:
        Camera(intrinsics, view).render(vertices, obj.faces)
    ours = count / (time.perf_counter() - begun)
    shape = bullet.createVisualShape(pybullet.GEOM_MESH, vertices=vertices.tolist(), indices=obj.faces.ravel().tolist())
    bullet.createMultiBody(0.0, baseVisualShapeIndex=shape)
    lens = bullet.computeProjectionMatrixFOV(21.6, 1.0, 0.1, 2.0)
    begun = time.perf_counter()
    for view in views:
        bullet.getCameraImage(
            200, 200, bullet.computeViewMatrix(view.eye, [0, 0, 0], [0, 0, 1]), lens, shadow=0,
            renderer=pybullet.ER_TINY_RENDERER,
        )  # fmt: skip
    return ours, count / (time.perf_counter() - begun)


def dataset(shards: int = 400) -> np.ndarray:
    """Shards a second (2, 2) of two processes and of one: over all, and over the later half, by which time objects are
    read."""
    rates = []
    torch.set_num_threads(1)
    for processes in (2, 1):
        came = [time.perf_counter()]
        with tempfile.TemporaryDirectory() as folder:
            card = make_card(ExampleSettings(), 0)
            told = lambda grasps, came=came: came.append(time.perf_counter())  # noqa: E731
            generate(Path(folder), card, shards * SHARD, processes, told)
        rates.append((shards / (came[-1] - came[0]), shards // 2 / (came[-1] - came[-1 - shards // 2])))
    torch.set_num_threads(2)
    return np.array(rates)


def plans(planner: str, count: int = 20) -> float:
    """Median seconds from the picture to the grasp."""
    plan = make_plan("grasp", "dexnet", assignments={"planner": planner}, shipped=True)
    env = TaskEnv(plan.make_task())
    controller, took = plan.make_controller(env.task), []
    for seed in range(count + 1):
        observation, _ = env.reset(seed=seed)
        controller.begin(seed)
        begun = time.perf_counter()
        controller.act(observation)
        took.append(time.perf_counter() - begun)
    return float(np.median(took[1:]))


def main() -> None:
    (ours, seconds), (count, theirs) = labels(closure), labels(by_loops, tries=60)
    rate, naive = ours / seconds, count / theirs
    print(
        f"robust force closure: {rate:,.0f} labels/s, {rate / naive:.0f} times a loop with trimesh's rays ({naive:.0f})"
    )
    for name, kind in (("with collisions", closure_and_collision), ("robust epsilon, with collisions", epsilon)):
        ours, seconds = labels(kind)
        print(f"{name}: {ours / seconds:,.0f} labels/s, {ours / seconds / naive:.0f} times that loop")
    ours, theirs = pictures()
    print(
        f"pictures of 200 x 200: {ours:,.0f} a second, {ours / theirs:.1f} times pybullet's TinyRenderer ({theirs:.0f})"
    )
    (all_of_two, two), (all_of_one, one) = dataset()
    print(
        f"data set: two processes are {two / one:.2f} times as fast as one ({SHARD * one:,.0f} grasps/s) once objects "
        f"are read, {all_of_two / all_of_one:.2f} times from the start"
    )
    for planner, published in PUBLISHED.items():
        seconds = plans(planner)
        print(f"plan, {planner}: {seconds:.3f} s, {published / seconds:.1f} times as fast as published ({published} s)")


if __name__ == "__main__":
    main()
