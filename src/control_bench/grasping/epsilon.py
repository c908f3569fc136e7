"""How well two soft fingers hold an object: the epsilon quality of Ferrari and Canny (ICRA 1992), as in Dex-Net 2.0.

The quality is the radius of the largest ball around the origin in the hull of the primitive wrenches (L1): 1 over the
length of the longest u = (a, b), for force and torque, along which no primitive wrench exceeds 1. Those u are the polar
of the hull: a polytope, its vertices are the facets of the hull, and two contacts leave so few that all can be listed.

Let s be the torques' scale and, of a contact, p its place from the centre, n its normal and v = a + s b x p. That
f . v <= 1 for all edges f of its friction cone means that v is n plus a vector of the cone's polar, so n plus a mix of
8 rays r, one a face. Its soft finger of torque 1/T asks that |n . b| <= T.

v2 - v1 = s b x (c2 - c1) is at right angles to d, the direction from contact to contact, and leaves b free to turn
about d. So a mix of the 16 rays of both, each weighed x >= 0, matters by two sums only,

* sum x tau = 1, where tau = -+(r . d) / (n1 . d - n2 . d): what the rays give along d makes good the normals' parts;
* sum x psi, where psi = -+(r . (n1 x n2)) / (s |c2 - c1|): it is (n2 . d) (n1 . b) - (n1 . d) (n2 . b), so it says
  which line (n1 . b, n2 . b) runs along in the square |n . b| <= T as u turns about d.

The hull holds the origin strictly inside where the 16 points (tau, psi) lie in an open half-plane. And a vertex is
either one ray, with u turned about d as far as it goes, one way or the other (16 x 2), or a mix of two rays that are
neighbours in one polar cone or stand in both, such that the line passes a corner of the square (80 x 4).
"""

import math

import numpy as np
from numba import njit

FACES = 8
"""Faces of a friction cone, as many as Dex-Net's."""
MIDDLES = (2 * np.arange(FACES) + 1) * np.pi / FACES
COSINES, SINES = np.cos(MIDDLES), np.sin(MIDDLES)
"""Of the faces' middles about the normal."""
RINGS = [(FACES * contact + j, FACES * contact + (j + 1) % FACES) for contact in (0, 1) for j in range(FACES)]
PAIRS = np.array(RINGS + [(j, FACES + k) for j in range(FACES) for k in range(FACES)])
"""Rays (80, 2) with a face of the polar cones' product between them."""
CORNERS = np.array([(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)])
ROUNDING = 1e-12
"""A smaller quality is the rounding of none."""


@njit(cache=True, inline="always")
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, inline="always")
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(cache=True, inline="always")
def _plus(a, factor, b):
    return a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]


@njit(cache=True)
def tangents(normal):
    """Two vectors that make an orthonormal basis with a unit one (Duff et al., JCGT 2017).

    Quarter turns about z and mirrors in the coordinate planes take bases to bases, but for signs and order.
    """
    x, y, z = normal[0], normal[1], normal[2]
    sign = math.copysign(1.0, z)
    k = -1.0 / (sign + z)
    return (1.0 + sign * x * x * k, sign * x * y * k, -sign * x), (x * y * k, sign + y * y * k, -y)


def primitive_wrenches(contacts, normals, friction, centre, torsion, torque_scale) -> np.ndarray:
    """The wrenches (20, 6), force and scaled torque, of which a grasp mixes what it can do; 10 of each contact.

    Args:
        contacts: (2, 3), m. normals: (2, 3), unit, into the object. friction: coefficient.
        centre: (3,), what torques are about, m.
        torsion: N m that a soft finger withstands about its normal for each N it presses with.
        torque_scale: factor of all torques.
    """
    angles = 2.0 * np.pi * np.arange(FACES)[:, None] / FACES
    wrenches = []
    for contact, normal in zip(contacts, normals, strict=True):
        first, second = map(np.array, tangents(normal))
        forces = normal + friction * (np.cos(angles) * first + np.sin(angles) * second)
        twist = np.concatenate([np.zeros(3), torsion * torque_scale * normal])
        wrenches += [np.hstack([forces, torque_scale * np.cross(contact - centre, forces)]), [twist, -twist]]
    return np.vstack(wrenches)


@njit(cache=True, error_model="numpy")
def _fill(u, plane, n1, n2, p1, axis, span, friction):
    """Fills in the rays: u (16, 6), a and b before any turn about the line; plane (16, 2), tau and psi.

    Args:
        n1, n2: normals. p1: the first contact from the centre, scaled.
        axis, span: d, and how far along it the second contact is from the first, scaled.
    """
    inward = -friction * COSINES[0]
    normals_part = _dot(axis, n1) - _dot(axis, n2)
    lever, between = _cross(n1, n2), _plus(n2, -1.0, n1)
    for contact in range(2):
        normal, sign = (n2, 1.0) if contact else (n1, -1.0)
        t1, t2 = tangents(normal)
        for j in range(FACES):
            # At right angles to the two edges that bound a face of the friction cone.
            ray = COSINES[j] * t1[0], COSINES[j] * t1[1], COSINES[j] * t1[2]
            ray = _plus(_plus(ray, SINES[j], t2), inward, normal)
            tau = sign * _dot(axis, ray) / normals_part
            b = _cross(axis, _plus((sign * ray[0], sign * ray[1], sign * ray[2]), tau, between))
            b = b[0] / span, b[1] / span, b[2] / span
            a = _plus((tau * n1[0], tau * n1[1], tau * n1[2]), 0.0 if contact else 1.0, ray)
            i = FACES * contact + j
            u[i, 0], u[i, 1], u[i, 2] = _plus(a, -1.0, _cross(b, p1))
            u[i, 3], u[i, 4], u[i, 5] = b
            plane[i, 0], plane[i, 1] = tau, sign * _dot(lever, ray) / span


@njit(cache=True, error_model="numpy")
def _closes(plane):
    """Whether the points (16, 2) lie in an open half-plane, tau + alpha psi > 0 with some alpha."""
    low, high = -math.inf, math.inf
    for i in range(plane.shape[0]):
        tau, psi = plane[i]
        if psi > 0.0:
            low = max(low, -tau / psi)
        elif psi < 0.0:
            high = min(high, -tau / psi)
        elif tau <= 0.0:
            return False
    return low < high


@njit(cache=True, error_model="numpy")
def _square(u, factor, screw):
    """The squared length of u + factor screw, both (6,)."""
    total = 0.0
    for k in range(6):
        total += (u[k] + factor * screw[k]) ** 2
    return total


@njit(cache=True, error_model="numpy")
def _longest(u, plane, screw, n1, n2, d1, d2, most):
    """The squared length of the polar's longest vertex.

    Args:
        u, plane: see `_fill`. screw: the u (6,) that turns about the line.
        d1, d2: n1 . d, above 0, and n2 . d, below. most: T.
    """
    best = 0.0
    for i in range(u.shape[0]):
        tau, psi = plane[i]
        if tau > 0.0 and abs(psi) <= (d1 - d2) * most * tau:
            twist1, twist2 = _dot(n1, u[i, 3:]), _dot(n2, u[i, 3:])
            low = max((-most * tau - twist1) / d1, (most * tau - twist2) / d2)
            high = min((most * tau - twist1) / d1, (-most * tau - twist2) / d2)
            best = max(best, max(_square(u[i], low, screw), _square(u[i], high, screw)) / (tau * tau))
    turned, side = np.empty(u.shape), np.empty(u.shape[0])
    for corner1, corner2 in CORNERS:
        level = (d2 * corner1 - d1 * corner2) * most
        for i in range(u.shape[0]):
            side[i] = plane[i, 1] - level * plane[i, 0]
            factor = (corner1 * most * plane[i, 0] - _dot(n1, u[i, 3:])) / d1
            for k in range(6):
                turned[i, k] = u[i, k] + factor * screw[k]
        for pair in range(PAIRS.shape[0]):
            # One of the two on either side of the level, the first above: side[i] j - side[j] i is at it.
            i, j = PAIRS[pair]
            if side[i] <= 0.0:
                i, j = j, i
            if side[i] > 0.0 and side[j] <= 0.0:
                tau = plane[i, 1] * plane[j, 0] - plane[j, 1] * plane[i, 0]
                if tau > 0.0:
                    total = 0.0
                    for k in range(6):
                        total += (side[i] * turned[j, k] - side[j] * turned[i, k]) ** 2
                    best = max(best, total / (tau * tau))
    return best


@njit(cache=True, error_model="numpy")
def _quality(c1, c2, n1, n2, friction, centre, torsion, torque_scale, u, plane, screw):
    """The quality of one grasp; u, plane and screw are scratch, see `_longest`."""
    between = _plus(c2, -1.0, c1)
    distance = math.sqrt(_dot(between, between))
    if not (torsion > 0.0 and distance > 0.0):
        return 0.0
    span = distance * torque_scale
    axis = between[0] / distance, between[1] / distance, between[2] / distance
    d1, d2 = _dot(n1, axis), _dot(n2, axis)
    if not d1 * d2 < 0.0:  # along the line, both push one way
        return 0.0
    if d1 < 0.0:  # they hold from within
        axis, span, d1, d2 = (-axis[0], -axis[1], -axis[2]), -span, -d1, -d2
    arm = _plus(c1, -1.0, centre)
    p1 = arm[0] * torque_scale, arm[1] * torque_scale, arm[2] * torque_scale
    _fill(u, plane, n1, n2, p1, axis, span, friction)
    if not _closes(plane):
        return 0.0
    screw[0], screw[1], screw[2] = _cross(p1, axis)
    screw[3], screw[4], screw[5] = axis
    quality = 1.0 / math.sqrt(_longest(u, plane, screw, n1, n2, d1, d2, 1.0 / (torsion * torque_scale)))
    return quality if ROUNDING < quality < math.inf else 0.0  # no vertex found: only rounding closes the grasp


@njit(cache=True, error_model="numpy")
def _qualities(contacts, normals, friction, centres, pad, torque_scale, qualities):
    """Fills in the qualities (n,); pad: the torsion at a friction of 1."""
    u, plane, screw = np.empty((2 * FACES, 6)), np.empty((2 * FACES, 2)), np.empty(6)
    for g in range(qualities.shape[0]):
        qualities[g] = _quality(
            contacts[g, 0], contacts[g, 1], normals[g, 0], normals[g, 1], friction[g], centres[g],
            pad * friction[g], torque_scale, u, plane, screw,
        )  # fmt: skip


def epsilon_quality(contacts, normals, friction, centres, torsion_radius=0.005, torque_scale=1000.0) -> np.ndarray:
    """The epsilon quality (n,) of grasps, 0 where the origin is not strictly inside the hull: no force closure.

    Args:
        contacts: (n, 2, 3), m. normals: (n, 2, 3), unit, into the object. friction: coefficients (n,).
        centres: (n, 3), what torques are about (the objects' centres of mass), m.
        torsion_radius: of a finger's pad, m. For each N it withstands pi radius² friction N m about its normal: the
            paper's rule, though the units do not work out.
        torque_scale: factor of all torques.
    """
    count = len(contacts)
    shapes = (count, 2, 3), (count, 2, 3), (count,), (count, 3)
    arrays = [
        np.ascontiguousarray(array, dtype=float).reshape(shape)
        for array, shape in zip((contacts, normals, friction, centres), shapes, strict=True)
    ]
    qualities = np.empty(count)
    _qualities(*arrays, math.pi * torsion_radius**2, float(torque_scale), qualities)
    return qualities
