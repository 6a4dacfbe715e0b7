"""A foreign denoiser in plain Python: the exact denoiser of a Gaussian mixture under EDM's process, with its pullback.

    python3 mixture.py SCRIPTS FILE [FAULT [NUMBER]]

SCRIPTS is the folder of ld3_stream.py, FILE has mixture/weights, mixture/means and mixture/stds. FAULT goes wrong on
purpose from request NUMBER (1) on: crash, shape, kind, nan, error, half, silent-end; `no-pullback` offers none.
"""
import array
import json
import math
import os
import sys

sys.path.insert(0, sys.argv[1])
from ld3_stream import Frame, Tensor, frames  # noqa: E402

fault = sys.argv[3] if len(sys.argv) > 3 else ""
faulty_request = int(sys.argv[4]) if len(sys.argv) > 4 else 1

with open(sys.argv[2], "rb") as file:
    parameters = next(frames(file))
weights = list(parameters["mixture/weights"].values())
size = parameters["mixture/means"].shape[1]
means = list(parameters["mixture/means"].values())
stds = list(parameters["mixture/stds"].values())
components = [(math.log(w), means[k * size:(k + 1) * size], stds[k * size:(k + 1) * size]) for k, w in enumerate(weights)]


def denoise(x, s, v):
    """D(x; s) = sum_k r_k d_k with d_k = m_k + c_k^2 / (c_k^2 + s^2) (x - m_k); v pulled back where it is given."""
    scores, parts = [], []
    for log_weight, m, c in components:
        variances = [a * a + s * s for a in c]
        score = log_weight - sum(0.5 * math.log(u) + (p - q)**2 / (2 * u) for p, q, u in zip(x, m, variances))
        d = [q + a * a / u * (p - q) for p, q, a, u in zip(x, m, c, variances)]
        scores.append(score)
        parts.append((m, c, variances, d))
    top = max(scores)
    r = [math.exp(score - top) for score in scores]
    total = sum(r)
    r = [value / total for value in r]
    value = [sum(rk * part[3][i] for rk, part in zip(r, parts)) for i in range(size)]
    if v is None:
        return value, None, None
    # D = sum r d: through d directly, through the scores by r (v . d - v . D).
    gains = [rk * (sum(a * b for a, b in zip(v, part[3])) - sum(a * b for a, b in zip(v, value))) for rk, part in zip(r, parts)]
    x_cotangent, t_cotangent = [0.0] * size, 0.0
    for rk, gain, (m, c, variances, _) in zip(r, gains, parts):
        for i in range(size):
            u, offset, spread = variances[i], x[i] - m[i], c[i]**2
            x_cotangent[i] += rk * v[i] * spread / u - gain * offset / u
            t_cotangent -= rk * v[i] * spread * offset * 2 * s / u**2
            t_cotangent += gain * (offset**2 / u**2 - 1 / u) * s
    return value, x_cotangent, t_cotangent


Frame({
    "ld3.format": "1", "ld3.kind": "model", "ld3.process": "edm", "ld3.shape": json.dumps([size]),
    "ld3.pullback": json.dumps(fault != "no-pullback"),
}).write()
for number, frame in enumerate(frames(), 1):
    fails = fault if number >= faulty_request else ""
    if fails == "crash":
        print("warming up", file=sys.stderr)
        raise RuntimeError("out of luck")
    if fails == "silent-end":
        sys.exit(0)
    times = frame["t"].values()
    batch = len(times)
    x = frame["x"].values()
    v = frame["cotangent"].values() if "cotangent" in frame else None
    rows = [
        denoise(x[b * size:(b + 1) * size], times[b], v and v[b * size:(b + 1) * size]) for b in range(batch)]
    answer = Frame({"ld3.format": "1", "ld3.kind": "noise" if fails == "kind" else "denoised"})
    flat = array.array("f", [y for value, _, _ in rows for y in value])
    if fails == "nan":
        flat[-1] = math.nan
    shape = [size, batch] if fails == "shape" else [batch, size]
    answer["denoised"] = Tensor.of(flat, shape)
    if v is not None:
        answer["x_cotangent"] = Tensor.of(array.array("f", [y for _, row, _ in rows for y in row]), [batch, size])
        answer["t_cotangent"] = Tensor.of(array.array("d", [row for _, _, row in rows]))
    if fails == "error":
        answer = Frame({"ld3.format": "1", "ld3.kind": "denoised", "ld3.error": "the GPU fell off"})
    if fails == "half":
        os.write(1, (1000).to_bytes(8, "little") + b"{")
        sys.exit(0)
    answer.write()
