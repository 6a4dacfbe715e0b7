"""A foreign denoiser that is told the mean of its Gaussian data: the exact denoiser of N(condition, 0.25) under EDM's process.

    python3 conditioned.py SCRIPTS LOG [undeclared]

SCRIPTS is the folder of ld3_stream.py. Every prompt that comes is appended to the file LOG. `undeclared` leaves out what
the model frame says of the condition.
"""
import array
import json
import sys

sys.path.insert(0, sys.argv[1])
from ld3_stream import Frame, Tensor, frames  # noqa: E402

model = {
    "ld3.format": "1", "ld3.kind": "model", "ld3.process": "edm", "ld3.shape": "[2]", "ld3.pullback": "true",
    "ld3.conditions": '{"condition": [2]}',
}
if "undeclared" in sys.argv:
    del model["ld3.conditions"]
Frame(model).write()
for frame in frames():
    if "prompt" in frame:
        prompts = json.loads(frame.metadata["ld3.prompts"])
        with open(sys.argv[2], "a") as log:
            log.writelines(prompts[index] + "\n" if index >= 0 else "-\n" for index in frame["prompt"].values())
    x, times = list(frame["x"].values()), list(frame["t"].values())
    if "condition" not in frame:
        Frame({"ld3.format": "1", "ld3.kind": "denoised", "ld3.error": "no condition"}).write()
        sys.exit(1)
    means = list(frame["condition"].values())
    gains = [0.25 / (0.25 + times[i // 2]**2) for i in range(len(x))]
    answer = Frame({"ld3.format": "1", "ld3.kind": "denoised"})
    shape = [len(times), 2]
    answer["denoised"] = Tensor.of(array.array("f", [m + g * (p - m) for p, m, g in zip(x, means, gains)]), shape)
    if "cotangent" in frame:
        v = list(frame["cotangent"].values())
        answer["x_cotangent"] = Tensor.of(array.array("f", [g * q for g, q in zip(gains, v)]), shape)
        slopes = [v[i] * (x[i] - means[i]) * -2 * times[i // 2] * gains[i]**2 / 0.25 for i in range(len(x))]
        answer["t_cotangent"] = Tensor.of(array.array("d", [slopes[2 * b] + slopes[2 * b + 1] for b in range(len(times))]))
    answer.write()
