"""Robot files: one robot in both formats, defaults, includes, and one error a fault."""

import dataclasses
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from control_bench.errors import BadInput
from control_bench.worlds.robot import Footprint, Kinematics, Laser, Noise, Pose, RfidReader, Robot, Sonar
from control_bench.worlds.robot_file import MOTION_NOISE, load_robot

# Drivebot's robot, as a tree of pairs: both formats are written from it.
MOUNTS = (Pose(0.1, 0.0, 0.0), Pose(0.1, 0.1, 1.570795), Pose(0.1, -0.1, -1.570795))
NOISE = ("noise", [("noise_specifications", [("noise_mean", 0.1), ("noise_std", 0.01)])])
SONAR = [("cone_angle", 0.87), ("min_range", 0.15), ("max_range", 3.0), ("frequency", 10.0), NOISE]
DRIVEBOT = [
    ("footprint", [("footprint_specifications", [("radius", 0.2)])]),
    ("initial_pose", [("x", 5), ("y", 4.5), ("theta", 0)]),
    *[
        ("sonar", [("sonar_specifications", [*SONAR, ("pose", list(dataclasses.asdict(mount).items()))])])
        for mount in MOUNTS
    ],
]
DRIVEBOT_ROBOT = Robot(
    initial_pose=Pose(5.0, 4.5, 0.0),
    footprint=Footprint(0.2),
    sonars=tuple(Sonar(f"sonar_{i}", 0.87, 3.0, 0.15, 10.0, mount, Noise(0.1, 0.01)) for i, mount in enumerate(MOUNTS)),
)


def as_yaml(pairs):
    """A list of single-key maps, the way STDR's own files have it."""
    return [{key: as_yaml(value) if isinstance(value, list) else value} for key, value in pairs]


def as_xml(tag, value):
    element = ET.Element(tag)
    if isinstance(value, list):
        element.extend(as_xml(*pair) for pair in value)
    else:
        element.text = f"\n  {value}\t "
    return element


def write(folder, text, name="robot.yaml"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_robot(folder, specifications, name="robot.yaml"):
    """A robot file whose robot_specifications are this YAML flow text."""
    return write(folder, f"robot: {{robot_specifications: {specifications}}}", name)


def tagged(tag, values):
    """A tag with these specifications, as YAML flow text."""
    return f"{{{tag}: {{{tag}_specifications: {{{values}}}}}}}"


def refusal(path, named=None):
    """The message that load_robot refuses with, once it is sure to be one line and to name the file at fault."""
    with pytest.raises(BadInput) as caught:
        load_robot(path)
    message = str(caught.value)
    assert str(named or path) in message and "\n" not in message
    return message


def test_drivebots_robot_reads_alike_in_yaml_and_xml(tmp_path):
    tree = [("robot", [("robot_specifications", DRIVEBOT)])]
    from_yaml = load_robot(write(tmp_path, yaml.safe_dump(as_yaml(tree))))
    from_xml = load_robot(write(tmp_path, ET.tostring(as_xml(*tree[0]), encoding="unicode"), "robot.xml"))
    assert from_yaml == from_xml == DRIVEBOT_ROBOT


@pytest.mark.parametrize("text", ["robot: {robot_specifications: }", "robot: [{robot_specifications: []}]"])
def test_an_empty_robot_is_stdrs_defaults(tmp_path, text):
    assert load_robot(write(tmp_path, text)) == Robot()
    assert load_robot(write(tmp_path, "<robot><robot_specifications/></robot>", "robot.xml")) == Robot()


def test_an_empty_sensor_has_defaults_and_a_name_by_its_index_within_its_kind(tmp_path):
    bare = ", ".join(tagged(tag, "") for tag in ("laser", "sonar", "rfid_reader", "sonar"))
    robot = load_robot(write_robot(tmp_path, f"[{bare}]"))
    assert robot == Robot(sonars=(Sonar(), Sonar("sonar_1")), lasers=(Laser(),), rfid_readers=(RfidReader(),))


def test_a_repeated_tag_repeats_in_a_map_too(tmp_path):
    path = write_robot(tmp_path, "{sonar: {sonar_specifications: }, sonar: {sonar_specifications: }}")
    assert [sonar.frame_id for sonar in load_robot(path).sonars] == ["sonar_0", "sonar_1"]


def test_a_block_in_several_parts_is_merged(tmp_path):
    path = write_robot(tmp_path, "[{initial_pose: {x: 1}}, {initial_pose: [{y: 2}, {theta: 5e-1}]}]")
    assert load_robot(path).initial_pose == Pose(1.0, 2.0, 0.5)


def test_points_make_a_polygon_and_none_leave_the_circle(tmp_path):
    points = "[point: {x: 0, y: 0}, point: {x: 1, y: 0}, point: {x: 0, y: 1}]"
    path = write_robot(tmp_path, f"{{footprint: {{footprint_specifications: {{radius: 1, points: {points}}}}}}}")
    assert load_robot(path).footprint == Footprint(1.0, ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    path = write_robot(tmp_path, "{footprint: {footprint_specifications: {points: []}}}")
    assert load_robot(path).footprint == Footprint()


@given(values=st.lists(st.floats(0, 1e6), min_size=12, max_size=12))
def test_motion_noise_goes_where_its_name_says(tmp_path_factory, values):
    given_noise = dict(zip(MOTION_NOISE, values, strict=True))
    specifications = {"kinematic_model": "omni", "kinematic_parameters": given_noise}
    tree = {"robot": {"robot_specifications": {"kinematic": {"kinematic_specifications": specifications}}}}
    path = write(tmp_path_factory.getbasetemp(), yaml.safe_dump(tree))
    assert load_robot(path).kinematics == Kinematics("omni", **given_noise)


def test_a_kinematic_model_keeps_its_name(tmp_path):
    path = write_robot(tmp_path, "{kinematic: {kinematic_specifications: {kinematic_model: skid}}}")
    assert load_robot(path).kinematics == Kinematics("skid")


def test_values_beside_an_include_override_it_in_either_format(tmp_path):
    write(tmp_path, "- sonar: {sonar_specifications: {cone_angle: 0.5, max_range: 2, pose: {x: 1, y: 1}}}", "s/s.yaml")
    write(tmp_path, "<sonar><filename> s.yaml </filename></sonar>", "s/s.xml")
    path = write_robot(tmp_path, "{sonar: {filename: s/s.xml, sonar_specifications: {max_range: 3, pose: {y: 2}}}}")
    assert load_robot(path).sonars == (Sonar(cone_angle=0.5, max_range=3.0, pose=Pose(1.0, 2.0, 0.0)),)


def test_an_include_is_looked_for_beside_its_parent_and_then_in_the_resources(tmp_path):
    path = write_robot(tmp_path / "own", "{sonar: {filename: s.yaml}, laser: {filename: l.yaml}}")
    write(tmp_path, "sonar: {sonar_specifications: {frame_id: own}}", "own/s.yaml")
    write(tmp_path, "sonar: {sonar_specifications: {frame_id: resource}}", "r2/s.yaml")
    write(tmp_path, "laser: {laser_specifications: {noise: {filename: n.yaml}}}", "r2/l.yaml")
    write(tmp_path, "noise: {noise_specifications: {noise_mean: 0.5}}", "r1/n.yaml")
    robot = load_robot(path, [tmp_path / "r1", tmp_path / "r2"])
    assert robot.sonars == (Sonar("own"),)
    assert robot.lasers == (Laser(noise=Noise(0.5, 0.0)),)


def test_a_robot_may_include_a_robot_and_add_to_it(tmp_path):
    write_robot(tmp_path, "{sonar: {sonar_specifications: }, initial_pose: {x: 1, y: 1}}", "base.yaml")
    path = write(
        tmp_path,
        "robot: {filename: base.yaml, robot_specifications: {sonar: {sonar_specifications: }, initial_pose: {x: 2}}}",
    )
    assert load_robot(path) == Robot(Pose(2.0, 1.0, 0.0), sonars=(Sonar(), Sonar("sonar_1")))


BAD_SPECIFICATIONS = [
    ("{sonnar: {}}", "sonnar", "did you mean 'sonar'?"),
    ("{co2_sensor: {}}", "co2_sensor", "leave it out"),
    ("{thermal_sensor: {}}", "thermal_sensor", "leave it out"),
    ("{sound_sensor: {}}", "sound_sensor", "leave it out"),
    ("{sonar: {}}", "sonar[0].sonar_specifications", "missing"),
    ("{sonar: 3}", "sonar[0]", "bare value"),
    ("{sonar: [3]}", "sonar[0]", "bare value"),
    ("{initial_pose: {x: {y: 1}}}", "initial_pose.x", "not a plain value"),
    ("{initial_pose: {x: east}}", "initial_pose.x", "not a finite number"),
    ("{initial_pose: [{x: 1}, {x: 2}]}", "initial_pose.x", "given twice"),
    (tagged("sonar", "max_rnge: 1"), "max_rnge", "did you mean 'max_range'?"),
    (tagged("sonar", "noise: {noise_specifications: {mean: 1}}"), "noise_specifications.mean", "noise_mean, noise_std"),
    (tagged("sonar", "noise: {noise_specifications: {noise_std: -1}}"), "noise_std", "0 or more"),
    (tagged("sonar", "cone_angle: 0"), "cone_angle", "above 0"),
    (tagged("sonar", "frequency: 0"), "frequency", "above 0"),
    (tagged("sonar", "frequency: .inf"), "frequency", "finite"),
    (tagged("sonar", "max_range: nan"), "max_range", "finite"),
    (tagged("sonar", "max_range: -1"), "max_range", "above 0"),
    (tagged("sonar", "max_range: 1, min_range: 1"), "sonar[0].max_range", "not above min_range"),
    (tagged("laser", "min_range: 4"), "laser[0].max_range", "not above min_range"),
    (tagged("laser", "min_range: -0.1"), "min_range", "0 or more"),
    (tagged("laser", "num_rays: 0"), "num_rays", "whole number"),
    (tagged("laser", "num_rays: 1e300"), "num_rays", "whole number"),
    (tagged("laser", "num_rays: 1.5"), "num_rays", "whole number"),
    (tagged("laser", "num_rays: "), "num_rays", "whole number"),
    (tagged("laser", "frame_id: ''"), "frame_id", "not a name"),
    (tagged("footprint", "radius: fat"), "radius", "not a finite number"),
    (tagged("footprint", "radius: 0"), "radius", "above 0"),
    (tagged("footprint", "points: [point: {x: 0}]"), "point[0].y", "missing"),
    (tagged("footprint", "points: [point: {x: 0, y: 0}, point: {x: 1, y: 1}]"), "points", "at least 3"),
    (tagged("kinematic", ""), "kinematic_model", "missing"),
    (tagged("kinematic", "kinematic_model: omni, kinematic_parameters: {a_ux_ux: 1}"), "a_ux_uy", "missing"),
    (tagged("kinematic", "kinematic_model: omni, kinematic_parameters: {a_ux_ux: -1}"), "a_ux_ux", "0 or more"),
    (f"[{tagged('laser', 'frame_id: sonar_0')}, {tagged('sonar', '')}]", "frame_id", "'sonar_0' names 2 sensors"),
    ("{sonar: {filename: none.yaml}}", "sonar[0].filename", "no file 'none.yaml'"),
    ("{sonar: {filename: robot.txt}}", "sonar[0].filename", "no file 'robot.txt'"),
    ("{sonar: {filename: robot.yaml}}", "sonar[0].filename", "includes itself"),
]


@pytest.mark.parametrize(("specifications", "key", "says"), BAD_SPECIFICATIONS)
def test_a_bad_specification_is_refused_by_name(tmp_path, specifications, key, says):
    message = refusal(write_robot(tmp_path, specifications))
    assert f"{key}: " in message and says in message


BAD_FILES = [
    ("robot.yaml", "", "robot: must be the one tag"),
    ("robot.yaml", "sonar: {sonar_specifications: }", "and there is sonar"),
    ("robot.yaml", "robot: {}\nsonar: {}", "and there is robot, sonar"),
    ("robot.yaml", "robot: {}", "robot.robot_specifications: is missing"),
    ("robot.yaml", "3", "bare value"),
    ("robot.yaml", "&a [*a]", "bare value"),
    ("robot.yaml", "[[[", "malformed"),
    ("robot.yaml", "[" * 5000, "malformed"),
    ("robot.xml", "<robot><robot_specifications></robot>", "malformed"),
    ("robot.xml", "", "malformed"),
    ("robot.xml", "<sonar/>", "and there is sonar"),
    ("robot.xml", "<!DOCTYPE r [<!ENTITY a 'b'>]><robot>&a;</robot>", "take it out"),
    ("robot.xml", "<robot>loose<robot_specifications/></robot>", "robot: holds a bare value"),
    ("robot.xml", "<robot><robot_specifications/>loose</robot>", "robot: holds a bare value"),
    ("robot.xml", "<robot name='a'><robot_specifications/></robot>", "robot: holds a bare value or an attribute"),
    ("robot.txt", "robot: {robot_specifications: }", "neither .yaml, .yml nor .xml"),
]


@pytest.mark.parametrize(("name", "text", "says"), BAD_FILES)
def test_a_bad_file_is_refused_by_name(tmp_path, name, text, says):
    assert says in refusal(write(tmp_path, text, name))


def test_a_file_that_is_missing_or_not_text_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.yaml")
    (tmp_path / "robot.yaml").write_bytes(b"\xff\xfe\xff")
    assert "malformed" in refusal(tmp_path / "robot.yaml")


def test_a_fault_in_an_include_names_the_include(tmp_path):
    path = write_robot(tmp_path, "{sonar: {filename: s.yaml}}")
    included = write(tmp_path, "sonar: {sonar_specifications: {frequency: -1}}", "s.yaml")
    assert "sonar.sonar_specifications.frequency: '-1'" in refusal(path, included)
    write(tmp_path, "laser: {laser_specifications: }", "s.yaml")
    assert "sonar: must be the one tag" in refusal(path, included)
    write(tmp_path, "sonar: {filename: t.yaml}", "s.yaml")
    write(tmp_path, "sonar: {filename: s.yaml}", "t.yaml")
    assert "'s.yaml' includes itself" in refusal(path, tmp_path / "t.yaml")
