"""The listed facets against Qhull's, on all kinds of grasps, and what has to hold of any quality."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, QhullError

from control_bench.grasping.epsilon import epsilon_quality, primitive_wrenches, tangents

RADIUS, SCALE = 0.005, 1000.0
CLOSED = 1e-9
"""Qhull's rounding leaves as much of a quality where there is none."""


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def draw(count, seed, tilt=0.3):
    """Grasps: contacts, normals, frictions and centres; the normals lean about `tilt` rad from the line."""
    rng = np.random.default_rng(seed)
    axes, middles = unit(rng.normal(size=(count, 3))), rng.normal(0.0, 0.02, (count, 3))
    halves = axes * rng.uniform(0.005, 0.025, (count, 1))
    contacts = np.stack([middles - halves, middles + halves], axis=1)
    normals = unit(np.stack([axes, -axes], axis=1) + tilt * rng.normal(size=(count, 2, 3)))
    centres = middles + unit(rng.normal(size=(count, 3))) * rng.uniform(0.0, 0.05, (count, 1))
    return contacts, normals, rng.normal(0.5, 0.1, count).clip(0.1), centres


def by_qhull(contacts, normals, friction, centres, radius=RADIUS, scale=SCALE):
    """The same quality, from the hull of the primitive wrenches."""
    qualities = []
    for c, n, mu, centre in zip(contacts, normals, friction, centres, strict=True):
        try:
            hull = ConvexHull(primitive_wrenches(c, n, mu, centre, np.pi * radius**2 * mu, scale))
            qualities.append(max(0.0, -hull.equations[:, -1].max()))
        except QhullError:  # flat
            qualities.append(0.0)
    return np.array(qualities)


def check(grasps, radius=RADIUS, scale=SCALE, tolerance=1e-7):
    """Ours agree with Qhull's; returns how many of the grasps close."""
    ours, theirs = epsilon_quality(*grasps, radius, scale), by_qhull(*grasps, radius, scale)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=2e-12)
    assert (ours[theirs < 1e-15] == 0.0).all()
    return np.count_nonzero(ours > CLOSED)


@pytest.mark.parametrize("tilt, fewest, most", [(0.1, 1100, 1200), (0.3, 500, 1000), (1.0, 50, 200)])
def test_agrees_with_qhull_whether_grasps_close_or_not(tilt, fewest, most):
    assert fewest < check(draw(1200, seed=1, tilt=tilt)) < most


@pytest.mark.parametrize("scale, radius", [(1.0, 0.005), (30.0, 0.05), (1000.0, 0.0005), (1e4, 0.005), (1000.0, 0.5)])
def test_agrees_at_other_scales(scale, radius):
    assert check(draw(100, seed=1), radius, scale) > 50


def antipodal(contacts, normals, friction, centres):
    axes = unit(contacts[:, 1] - contacts[:, 0])
    return contacts, np.stack([axes, -axes], axis=1), friction, centres


def parallel(contacts, normals, friction, centres):
    return contacts, np.stack([normals[:, 0], -normals[:, 0]], axis=1), friction, centres


def centred(contacts, normals, friction, centres):
    return contacts, normals, friction, contacts.mean(axis=1)


def from_within(contacts, normals, friction, centres):
    return contacts, -normals, friction, centres


def slippery(contacts, normals, friction, centres):
    return contacts, normals, np.full(len(friction), 1e-4), centres


def rough(contacts, normals, friction, centres):
    return contacts, normals, np.full(len(friction), 5.0), centres


@pytest.mark.parametrize(
    "changes",
    [
        [antipodal], [parallel], [centred], [from_within], [rough], [antipodal, centred],
        [antipodal, slippery], [antipodal, slippery, centred], [antipodal, rough], [parallel, from_within],
    ],
    ids=lambda changes: "_".join(change.__name__ for change in changes),
)  # fmt: skip
def test_agrees_on_grasps_with_symmetries(changes):
    grasps = draw(150, seed=2, tilt=0.2)
    for change in changes:
        grasps = change(*grasps)
    assert check(grasps) > 100


def test_rounding_does_not_close_parallel_contacts():
    contacts, normals, friction, centres = parallel(*draw(20_000, seed=6))
    expected = epsilon_quality(contacts, normals, friction, centres)
    assert 1000 < np.count_nonzero(expected == 0.0) < 19_000
    noisy = normals + np.random.default_rng(0).normal(0.0, 1e-16, normals.shape)
    np.testing.assert_allclose(epsilon_quality(contacts, noisy, friction, centres), expected, rtol=0.0, atol=1e-12)


def test_agrees_along_the_coordinate_axes():
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    contacts = np.stack([-0.02 * axes, 0.02 * axes], axis=1)
    for centre in (0.0, 0.01):
        assert check((contacts, np.stack([axes, -axes], axis=1), np.full(6, 0.5), np.full((6, 3), centre))) == 6


@pytest.mark.parametrize("angle, reach", [(0.0, 1.0), (np.pi / 8, np.cos(np.pi / 8))], ids=["edge", "face"])
@pytest.mark.parametrize("beyond", [-1e-4, 0.0, 1e-4])
def test_parallel_contacts_close_where_the_line_is_inside_their_cones(angle, reach, beyond):
    normal = unit(np.array([0.2, -0.5, 0.7]))
    first, second = tangents(normal)
    lean = 0.5 * reach * (1.0 + beyond)
    line = unit(normal + lean * (np.cos(angle) * np.array(first) + np.sin(angle) * np.array(second)))
    grasp = [np.array([[-0.02 * line, 0.02 * line]]), np.array([[normal, -normal]]), [0.5], np.full((1, 3), 0.01)]
    assert check(grasp) == (beyond < 0.0)


def test_torsion_closes_grasps_whose_line_is_outside_a_cone():
    """Nguyen's rule for soft fingers only suffices: here torsions about two normals hold a couple of the forces."""
    contacts = np.array([[[-0.02, 0.0, 0.0], [0.02, 0.0, 0.0]]])
    normals = unit(np.array([[[1.0, 0.55, 0.0], [-1.0, 0.0, -0.4]]]))  # the first one's cone reaches to 0.5
    assert check((contacts, normals, [0.5], np.zeros((1, 3)))) == 1


def test_nothing_closes_without_friction_torsion_distance_or_opposition():
    contacts, normals, friction, centres = antipodal(*draw(20, seed=3))
    assert (epsilon_quality(contacts, normals, friction, centres) > 0.0).all()
    together, alike = contacts[:, [0, 0]], normals[:, [0, 0]]
    for grasps in (
        (contacts, normals, 0.0 * friction, centres), (contacts, normals, -friction, centres),
        (together, normals, friction, centres), (contacts, alike, friction, centres),
        (contacts, np.nan * normals, friction, centres),
    ):  # fmt: skip
        assert (epsilon_quality(*grasps) == 0.0).all()
    assert (epsilon_quality(contacts, normals, friction, centres, torsion_radius=0.0) == 0.0).all()
    assert epsilon_quality(*draw(0, seed=0)).shape == (0,)


@pytest.mark.parametrize("radius, scale", [(0.005, 1000.0), (0.1, 30.0)])
def test_by_hand_antipodal_grasps_about_their_middle(radius, scale):
    """The nearest facets are alike: one finger's whole octagon, an edge of the other's, a torsion.

    With the line along x from the edge's contact, the facet's v (see the module) are 2 m / k - x and -x, where m is the
    middle of the edge's face seen along the line and k = friction cos(pi / 8). Then a = m / k - x is their mean, b has
    1 / torsion along x, and across it the difference of the v by the distance.
    """
    contacts, normals, friction, centres = centred(*antipodal(*draw(50, seed=4)))
    k, distance = friction * np.cos(np.pi / 8), scale * np.linalg.norm(contacts[:, 1] - contacts[:, 0], axis=1)
    torsion = scale * np.pi * radius**2 * friction
    expected = (1.0 + 1.0 / k**2 + (2.0 / (k * distance)) ** 2 + 1.0 / torsion**2) ** -0.5
    np.testing.assert_allclose(epsilon_quality(contacts, normals, friction, centres, radius, scale), expected, 1e-11)


def test_primitive_wrenches():
    (contacts,), (normals,), (friction,), (centre,) = draw(1, seed=5)
    wrenches = primitive_wrenches(contacts, normals, friction, centre, 2e-5, SCALE).reshape(2, 10, 6)
    for contact, normal, (*edges, twist, untwist) in zip(contacts, normals, wrenches, strict=True):
        forces, torques = np.array(edges)[:, :3], np.array(edges)[:, 3:]
        np.testing.assert_allclose(forces @ normal, 1.0)
        np.testing.assert_allclose(np.linalg.norm(forces - normal, axis=1), friction)
        np.testing.assert_allclose(np.linalg.norm(forces - np.roll(forces, 1, axis=0), axis=1).std(), 0.0, atol=1e-15)
        np.testing.assert_allclose(torques, SCALE * np.cross(contact - centre, forces))
        np.testing.assert_allclose(twist, [0.0, 0.0, 0.0, *(0.02 * normal)])
        np.testing.assert_array_equal(untwist, -twist)


@given(normal=st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda n: np.linalg.norm(n) > 1e-3))
def test_tangents_make_a_basis(normal):
    basis = np.array([*tangents(unit(np.array(normal))), unit(np.array(normal))])
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-12)


many = settings(deadline=None, max_examples=40)
seeds, tilts = st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.3, 1.0])


@many
@given(seed=seeds, tilt=tilts, shift=st.tuples(*[st.floats(-0.1, 0.1)] * 3))
def test_it_does_not_matter_where_a_grasp_is_or_which_finger_is_first(seed, tilt, shift):
    contacts, normals, friction, centres = draw(50, seed, tilt)
    expected = epsilon_quality(contacts, normals, friction, centres)
    moved = epsilon_quality(contacts + shift, normals, friction, centres + shift)
    np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=2e-12)
    swapped = epsilon_quality(contacts[:, ::-1], normals[:, ::-1], friction, centres)
    np.testing.assert_allclose(swapped, expected, rtol=1e-6, atol=2e-12)


@many
@given(seed=seeds, tilt=tilts, turns=st.integers(0, 3), mirror=st.tuples(*[st.sampled_from([1.0, -1.0])] * 3))
def test_quarter_turns_about_z_and_mirrors_change_nothing(seed, tilt, turns, mirror):
    """Other motions turn the octagons about the normals, and so change the cones a little."""
    contacts, normals, friction, centres = draw(50, seed, tilt)
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turn = np.diag(mirror) @ np.linalg.matrix_power(quarter, turns)
    turned = epsilon_quality(contacts @ turn.T, normals @ turn.T, friction, centres @ turn.T)
    expected = epsilon_quality(contacts, normals, friction, centres)
    np.testing.assert_allclose(turned, expected, rtol=1e-6, atol=2e-12)


@many
@given(seed=seeds, tilt=tilts, factor=st.floats(1.0, 3.0))
def test_more_friction_and_wider_pads_never_harm(seed, tilt, factor):
    contacts, normals, friction, centres = draw(50, seed, tilt)
    before = epsilon_quality(contacts, normals, friction, centres) * (1.0 - 1e-6) - 2e-12
    assert (epsilon_quality(contacts, normals, factor * friction, centres) >= before).all()
    assert (epsilon_quality(contacts, normals, friction, centres, torsion_radius=RADIUS * factor) >= before).all()


@many
@given(seed=seeds, tilt=tilts, factor=st.floats(0.1, 10.0))
def test_only_scaled_lengths_count(seed, tilt, factor):
    contacts, normals, friction, centres = draw(50, seed, tilt)
    radius, scale = RADIUS * factor**0.5, SCALE / factor
    larger = epsilon_quality(factor * contacts, normals, friction, factor * centres, radius, scale)
    expected = epsilon_quality(contacts, normals, friction, centres)
    np.testing.assert_allclose(larger, expected, rtol=1e-6, atol=2e-12)
