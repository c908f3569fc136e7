"""Settings: what fits is taken, what does not is told in one line with the key and the mend."""

from dataclasses import dataclass, fields
from typing import Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.errors import BadInput, nearest
from control_bench.settings import fill, parse_assignments, read_yaml, require_positive


@dataclass(frozen=True)
class Example:
    """One setting of every kind."""

    count: int = 3
    speed: float = 1.5
    noisy: bool = False
    map: str = "track"
    mode: Literal["fast", "slow"] = "fast"
    starts: Literal["track", "anywhere"] | None = None
    limit: int | None = None
    layers: tuple[int, ...] = (64, 64)
    gains: tuple[float, ...] = ()

    def __post_init__(self):
        require_positive(self, "count", "speed")


@dataclass(frozen=True)
class Required:
    """A setting without a default."""

    path: str
    count: int = 1


def refusal(values, cls=Example):
    with pytest.raises(BadInput) as caught:
        fill(cls, values, "mine.yaml")
    message = str(caught.value)
    assert message.startswith("mine.yaml: ") and "\n" not in message
    return message


def test_what_is_not_named_keeps_its_default():
    assert fill(Example, {}, "x") == Example()
    assert fill(Example, {"count": 5}, "x") == Example(count=5)


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"speed": 2}, {"speed": 2.0}),  # a whole number will do for a number
        ({"layers": [8, 4], "gains": [1, 2.5]}, {"layers": (8, 4), "gains": (1.0, 2.5)}),
        ({"layers": ()}, {"layers": ()}),
        ({"mode": "slow", "starts": "anywhere"}, {"mode": "slow", "starts": "anywhere"}),
        ({"starts": None, "limit": None}, {"starts": None, "limit": None}),
        ({"limit": 7, "noisy": True}, {"limit": 7, "noisy": True}),
    ],
)
def test_what_fits_is_taken_in_its_own_type(values, expected):
    filled = fill(Example, values, "x")
    for name, value in expected.items():
        assert getattr(filled, name) == value and type(getattr(filled, name)) is type(value)
    assert all(type(gain) is float for gain in filled.gains)


@pytest.mark.parametrize(
    "values, named",
    [
        ({"count": "three"}, "count: 'three' should be a whole number"),
        ({"count": 1.0}, "count: 1.0 should be a whole number"),
        ({"count": True}, "count: True should be a whole number"),
        ({"count": None}, "count: None should be a whole number"),
        ({"speed": "fast"}, "speed: 'fast' should be a number"),
        ({"speed": True}, "speed: True should be a number"),
        ({"noisy": 1}, "noisy: 1 should be true or false"),
        ({"noisy": "yes"}, "noisy: 'yes' should be true or false"),
        ({"map": 3}, "map: 3 should be text"),
        ({"limit": "x"}, "limit: 'x' should be a whole number"),
        ({"layers": 64}, "layers: 64 should be a list"),
        ({"layers": "64"}, "layers: '64' should be a list"),
        ({"layers": [8, 1.5]}, "layers: 1.5 should be a whole number"),
        ({"layers": [8, [4]]}, "layers: [4] should be a whole number"),
        ({"mode": "fsat"}, "mode: 'fsat' is not a choice, did you mean 'fast'?"),
        ({"mode": 3}, "mode: '3' is not a choice, there is: fast, slow"),
        ({"mode": ["fast"]}, "is not a choice"),
        ({"starts": "trakc"}, "starts: 'trakc' is not a choice, did you mean 'track'?"),
        ({"speed": float("inf")}, "speed: inf should be finite"),
        ({"speed": float("nan")}, "speed: nan should be finite"),
        ({"speed": 10**400}, "speed: "),  # beyond all floats
        ({"gains": [1.0, float("-inf")]}, "gains: -inf should be finite"),
        ({"coutn": 3}, "unknown key 'coutn', did you mean 'count'?"),
        ({"zzz": 3}, "unknown key 'zzz', there is: count, gains, layers"),
        ({3: 3}, "unknown key '3'"),
        ({"count": 0}, "count: 0 should be above 0"),  # what the settings themselves refuse
    ],
)
def test_what_does_not_fit_is_named(values, named):
    assert named in refusal(values)


def test_a_missing_setting_is_named():
    assert "'path' is missing" in refusal({"count": 3}, Required)
    assert fill(Required, {"path": "a"}, "x") == Required("a")


NAMES = st.sampled_from([field.name for field in fields(Example)])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(deadline=None)
@given(values=st.dictionaries(NAMES, ANYTHING, max_size=4))
def test_whatever_is_given_it_is_taken_or_told(values):
    try:
        filled = fill(Example, values, "mine.yaml")
    except BadInput as error:
        assert str(error).startswith("mine.yaml: ") and any(f"{name}: " in str(error) for name in values)
    else:
        assert isinstance(filled.count, int) and isinstance(filled.speed, float) and isinstance(filled.layers, tuple)


@pytest.mark.parametrize(
    "given_text, expected",
    [
        (["rows=3"], {"rows": 3}),
        (["task.history=4", "encoder=raw"], {"task.history": 4, "encoder": "raw"}),
        (["hidden=[8, 4]", "noise=true", "starts=null"], {"hidden": [8, 4], "noise": True, "starts": None}),
        (["map=a=b.yaml"], {"map": "a=b.yaml"}),
        ([" rows =3"], {"rows": 3}),
        (["rows=1", "rows=2"], {"rows": 2}),
        ([], {}),
    ],
)
def test_assignments_are_read_as_yaml(given_text, expected):
    assert parse_assignments(given_text) == expected


@pytest.mark.parametrize("number", ["1e-3", "1.0e-3", "0.001", "1E-3", "+1e-3", "10.e-4"])
def test_numbers_may_be_written_with_an_exponent(number):
    # YAML 1.1 takes 1e-3 for a text; who writes learning_rate=1e-3 means a number.
    assert fill(Example, parse_assignments([f"speed={number}"]), "--set").speed == pytest.approx(0.001)


@pytest.mark.parametrize("wrong", ["rows", "=3", "rows=[1", "rows={a: b: c}", "rows=!!python/object:os.system x"])
def test_assignments_that_cannot_be_read_are_named(wrong):
    with pytest.raises(BadInput) as caught:
        parse_assignments([wrong])
    assert f"--set {wrong}: " in str(caught.value) and "\n" not in str(caught.value)


def test_yaml_files_are_read(tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"task": {"rows": 3}}))
    assert read_yaml(tmp_path / "a.yaml") == {"task": {"rows": 3}}


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"- 1\n- 2\n", "should hold 'key: value' lines"),
        (b"", "should hold 'key: value' lines"),
        (b"a: 1\nb: [1, 2\nc: 3\n", "not YAML at line 3"),
        (b"a: !!python/object/apply:os.mkdir [ran]\n", "not YAML at line 1"),
        (b"\xff\xfe\x00\x01\x02", "not text"),
        (b"a: \x00", "not YAML"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path, content, reason):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_yaml(tmp_path / "a.yaml")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'a.yaml'}: ") and reason in message and "\n" not in message


def test_missing_files_are_named(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(BadInput, match="can't be read"):
            read_yaml(path)


def test_the_nearest_name_or_all_there_are():
    assert nearest("dqm", ["q_table", "dqn"]) == "did you mean 'dqn'?"
    assert nearest("zzz", ["q_table", "dqn"]) == "there is: dqn, q_table"
