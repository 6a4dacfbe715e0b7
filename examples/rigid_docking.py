"""A rigid body docks in one of several receptors: a sampler on R^3 x SO(3) that the ld3 programs fit (docs/STREAM.md,
"Foreign samplers"). It needs NumPy.

    export LD3_MODEL='exec:python3 examples/rigid_docking.py'
    ld3-noise --seeds 0-9 --labels balanced | ld3-teacher --schedule uniform --steps 18 > pairs.ld3
    ld3-fit --nfe 6 < pairs.ld3 > six.safetensors
    ld3-noise --seeds 100-199 --labels balanced | ld3-teacher --schedule uniform --steps 18 |
        ld3-sample --schedule six.safetensors > poses.ld3        # its tensor `loss` tells how far each pose is

The label is the receptor. The noise has seven numbers: three become the place of the body, and the direction of the other
four is its quaternion. A receptor has a few places where the body fits. The density of noised poses is a mixture of products
of a Gaussian and an IGSO(3), so the score is exact. Derivatives are exact too, by complex steps, without autograd.
"""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts"))
from ld3_stream import serve  # noqa: E402

# The body's atoms in Angstrom. Half a turn about the last axis maps the body to itself, so two orders of its atoms are one.
BODY = np.array([[1.4, 0, -1], [-1.4, 0, -1], [0.9, 1.1, 0.5], [-0.9, -1.1, 0.5], [0, 0, 2.2]])
ORDERS = [[0, 1, 2, 3, 4], [1, 0, 3, 2, 4]]
# The noise levels of the place (Angstrom) and of the turn (radians) at t = 0 and t = 1; geometric between them.
MOVE, TURN = np.array([0.1, 19]), np.array([0.03, 1.55])
# The variances of the poses that fit, before noise.
PLACE_VARIANCE, TURN_VARIANCE = 0.3, 0.02
RECEPTORS, FITS = 12, 3
TINY = 1e-40  # keeps square roots away from zero, where a complex step would fail

random = np.random.default_rng(7)
PLACES = random.normal(0, 6, (RECEPTORS, FITS, 3))
SHARES = random.dirichlet([2] * FITS, RECEPTORS)
POSES = random.normal(size=(RECEPTORS, FITS, 4))


def unit(vectors):
    return vectors / np.sqrt((vectors * vectors).sum(-1, keepdims=True))


def product(a, b):
    """The product of quaternions [..., 4], the real part first."""
    (p, v), (q, u) = (a[..., :1], a[..., 1:]), (b[..., :1], b[..., 1:])
    return np.concatenate([p * q - (v * u).sum(-1, keepdims=True), p * u + q * v + np.cross(v, u)], -1)


def level(t, ends):
    return ends[0] ** (1 - t) * ends[1] ** t


def start(f):
    if "label" not in f or (f["label"] < 0).any():
        raise ValueError("each sample needs a label, which says the receptor: ld3-noise --labels draws them")
    # In F64 (or complex), as all later states are, whatever NumPy's own rule for a product with F32 is.
    place = f["noise"][:, :3].astype(np.result_type(f["noise"], np.float64))
    return {"state": np.concatenate([MOVE[1] * place, unit(f["noise"][:, 3:])], 1)}


def score(x, label, t):
    """The gradient of the log-density of poses x [B, 7] in the place [B, 3], and in the turn (axis times angle) [B, 3]."""
    variance = level(t, MOVE)[:, None] ** 2 + PLACE_VARIANCE
    width = level(t, TURN)[:, None] ** 2 + TURN_VARIANCE
    apart = PLACES[label] - x[:, None, :3]
    # The turn from each pose that fits to x, by less than half a revolution.
    turned = product(x[:, None, 3:], unit(POSES)[label] * [1, -1, -1, -1])
    turned = turned * np.where(turned[..., :1].real < 0, -1, 1)
    sine = np.sqrt((turned[..., 1:] ** 2).sum(-1) + TINY)
    angle = 2 * np.arctan(sine / turned[..., 0])
    # IGSO(3) is series(angle) exp(-angle^2 / 2 width) / sin(angle / 2). The series sums over the angles that differ by whole
    # turns, and for such widths the angle and its two neighbours are enough.
    terms = [(1 - 2 * abs(i), angle + 2 * np.pi * i, np.exp(-2 * np.pi * i * (angle + np.pi * i) / width))
             for i in (0, -1, 1)]
    series = sum(sign * a * e for sign, a, e in terms)
    slope = sum(sign * (1 - a * a / width) * e for sign, a, e in terms) / series - 0.5 / np.tan(angle / 2)
    logit = (np.log(SHARES[label]) - (apart ** 2).sum(-1) / variance / 2
             + np.log(series / np.sin(angle / 2)) - angle ** 2 / width / 2)
    share = np.exp(logit - logit.real.max(1, keepdims=True))
    share = (share / share.sum(1, keepdims=True))[..., None]
    return (share * apart).sum(1) / variance, (share * (slope / sine)[..., None] * turned[..., 1:]).sum(1)


def step(f):
    """Euler's step of the probability flow from t to t_next: the score at t_model, all else at t."""
    x, t, dt = f["state"], f["t"], (f["t"] - f["t_next"])[:, None]
    place, turn = score(x, f["label"], f["t_model"])

    def rate(ends):  # g^2 / 2 times the step
        return level(t, ends)[:, None] ** 2 * np.log(ends[1] / ends[0]) * dt

    half = rate(TURN) / 2 * turn
    size = np.sqrt((half ** 2).sum(-1, keepdims=True) + TINY)
    # Products of unit quaternions stay unit: nothing is normalized again.
    quaternion = product(np.concatenate([np.cos(size), np.sin(size) / size * half], 1), x[:, 3:])
    return {"state": np.concatenate([x[:, :3] + rate(MOVE) * place, quaternion], 1)}


def finish(f):
    """The atoms of the body at its place, [B, 5, 3]."""
    x = f["state"][:, None]
    place, real, axis = x[..., :3], x[..., 3:4], x[..., 4:]
    return {"sample": BODY + 2 * np.cross(axis, np.cross(axis, BODY) + real * BODY) + place}


def loss(f):
    """The mean square distance of the atoms from the target's, in that order of the atoms in which it is less."""
    errors = np.stack([((f["sample"] - f["target"][:, order]) ** 2).sum(-1).mean(-1) for order in ORDERS])
    return {"loss": np.take_along_axis(errors, errors.real.argmin(0)[None], 0)[0]}


def pullback(function, f, cotangents, names):
    """The cotangent of each input: every number of a sample is moved by 1e-30 i, and the imaginary part tells its derivative."""
    (output, cotangent), = cotangents.items()
    result = {}
    for name in names:
        batch = len(f[name])
        flat = f[name].reshape(batch, -1)
        slopes = np.zeros(flat.shape)
        for i in range(flat.shape[1]):
            moved = flat + 1e-30j * (np.arange(flat.shape[1]) == i)
            value = function({**f, name: moved.reshape(f[name].shape)})[output]
            slopes[:, i] = (value.imag / 1e-30 * cotangent).reshape(batch, -1).sum(1)
        result[name] = slopes.reshape(f[name].shape)
    return result


if __name__ == "__main__":
    # LD3_PULLBACK=no keeps the derivatives back, to try a fit by differences.
    serve({"ld3.shape": "[7]", "ld3.sample_shape": "[5, 3]", "ld3.interval": "[1, 0]", "ld3.model_times": "true",
           "ld3.labels": str(RECEPTORS)},
          {"start": start, "step": step, "finish": finish, "loss": loss},
          None if os.environ.get("LD3_PULLBACK") == "no" else pullback)
