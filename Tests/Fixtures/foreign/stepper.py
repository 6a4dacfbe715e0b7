"""stepper.py SCRIPTS [WORD]...: a small sampler in Python's standard library, perhaps with a fault.

The state is x [B, 2] in F64 and a count of steps in I64. A step takes x to x + (t_next - t) sin(t_model + x), where x also
gets a little of the seed; samples are x and its sum [B, 3]; the loss is the mean square distance.
Words: bare (step alone, on the noise itself), tied (no model times), no-pullback, no-loss, still (no cotangent of the noise),
interval=[T,END], evaluations=N, process=NAME, alone (ends if a second request comes before the answer), and faults: some in
`spoil`, which show at the second step, negative-loss, loss-cotangent-nan, huge (samples beyond F32) and sample-shape.
"""
import array
import json
import math
import os
import select
import sys

sys.path.insert(0, sys.argv[1])
from ld3_stream import Frame, Tensor, frames  # noqa: E402

WORDS = set(sys.argv[2:])
VALUES = dict(word.split("=", 1) for word in WORDS if "=" in word)


class Input:
    """Standard input without a buffer. Once a frame has been read, nothing more may come before its answer."""

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = os.read(0, count - len(data))
            if not piece:
                break
            data += piece
        return data

    @staticmethod
    def require_silence():
        if "alone" in WORDS and select.select([0], [], [], 0.02)[0]:
            sys.exit("two requests are in flight")


def doubles(values, *shape):
    return Tensor.of(array.array("d", values), shape)


def start(f, batch):
    noise = f["noise"].values()
    return {"state.x": doubles((1.5 * value for value in noise), batch, 2),
            "state.count": Tensor.of(array.array("q", [0] * batch), (batch,))}


def start_back(f, batch, cotangents):
    if "still" in WORDS:
        return {}
    return {"noise_cotangent": doubles((1.5 * value for value in cotangents["state.x"]), batch, 2)}


def angles(f):
    x, told = f["state" if "bare" in WORDS else "state.x"].values(), f.get("t_model", f["t"]).values()
    shift = [0.01 * (seed % 7) for seed in f["seed"].values()]
    return x, [told[i // 2] + x[i] + shift[i // 2] for i in range(len(x))]


def step(f, batch):
    (x, angle), t, t_next = angles(f), f["t"].values(), f["t_next"].values()
    moved = [x[i] + (t_next[i // 2] - t[i // 2]) * math.sin(angle[i]) for i in range(len(x))]
    if "bare" in WORDS:
        return {"state": Tensor.of(array.array("f", moved), (batch, 2))}
    count = array.array("q", (value + 1 for value in f["state.count"].values()))
    return {"state.x": doubles(moved, batch, 2), "state.count": Tensor.of(count, (batch,))}


def step_back(f, batch, cotangents):
    (x, angle), t, t_next = angles(f), f["t"].values(), f["t_next"].values()
    name = "state" if "bare" in WORDS else "state.x"
    given, dt = cotangents[name], [t_next[i // 2] - t[i // 2] for i in range(len(x))]
    by_angle = [given[i] * dt[i] * math.cos(angle[i]) for i in range(len(x))]
    by_step = [given[i] * math.sin(angle[i]) for i in range(len(x))]

    def rows(values):
        return [values[2 * b] + values[2 * b + 1] for b in range(batch)]

    by_time = [-value for value in rows(by_step)]
    back = {name + "_cotangent": doubles([given[i] + by_angle[i] for i in range(len(x))], batch, 2),
            "t_next_cotangent": doubles(rows(by_step), batch)}
    if "t_model" in f:
        back["t_model_cotangent"] = doubles(rows(by_angle), batch)
    else:
        by_time = [a + b for a, b in zip(by_time, rows(by_angle))]
    back["t_cotangent"] = doubles(by_time, batch)
    return back


def finish(f, batch):
    x = f["state.x"].values()
    if "huge" in WORDS:
        x = [4e38 * value for value in x]
    return {"sample": doubles([v for b in range(batch) for v in (x[2 * b], x[2 * b + 1], x[2 * b] + x[2 * b + 1])],
                              batch, 3)}


def finish_back(f, batch, cotangents):
    given = cotangents["sample"]
    back = [given[3 * b + i] + given[3 * b + 2] for b in range(batch) for i in range(2)]
    return {"state.x_cotangent": doubles(back, batch, 2)}


def loss(f, batch):
    apart = [a - b for a, b in zip(f["sample"].values(), f["target"].values())]
    sign = -1 if "negative-loss" in WORDS else 1
    return {"loss": doubles([sign * sum(d * d for d in apart[3 * b:3 * b + 3]) / 3 for b in range(batch)], batch)}


def loss_back(f, batch, cotangents):
    apart = [a - b for a, b in zip(f["sample"].values(), f["target"].values())]
    if "loss-cotangent-nan" in WORDS:
        apart[-1] = math.nan
    return {"sample_cotangent": doubles([2 / 3 * d * cotangents["loss"][i // 3] for i, d in enumerate(apart)], batch, 3)}


def spoil(answer, frame, batch):
    """Applies the fault that is asked for."""
    name = "state" if "bare" in WORDS else "state.x"
    if "shape" in WORDS:
        answer[name] = Tensor(answer[name].dtype, (2, batch), answer[name].data)
    if "type" in WORDS:
        answer[name] = Tensor.of(array.array("f", answer[name].values()), (batch, 2))
    if "missing" in WORDS:
        del answer["state.count"]
    if "new" in WORDS:
        answer["state.late"] = answer["state.count"]
    if "kind" in WORDS:
        answer.metadata["ld3.kind"] = "started"
    if "nan" in WORDS:
        values = answer[name].values()
        values[-1] = math.nan
        answer[name] = Tensor.of(values, (batch, 2))
    if "error" in WORDS:
        answer.metadata["ld3.error"] = "the molecule fell apart"
    if "silent-end" in WORDS:
        sys.exit(0)
    if "die" in WORDS:
        sys.exit("out of luck")
    if "t_cotangent" in answer:
        if "cotangent-shape" in WORDS:
            answer["t_cotangent"] = doubles(list(answer["t_cotangent"].values()) + [0], batch + 1)
        if "cotangent-missing" in WORDS:
            del answer["t_cotangent"]
        if "cotangent-nan" in WORDS:
            answer["t_cotangent"] = doubles([math.inf] * batch, batch)


ALL = {"start": ("started", start, start_back), "step": ("stepped", step, step_back),
       "finish": ("finished", finish, finish_back), "loss": ("losses", loss, loss_back)}
answers = [kind for kind in ALL if kind == "step" or not ("bare" in WORDS or (kind == "loss" and "no-loss" in WORDS))]
model = {"ld3.format": "1", "ld3.kind": "model", "ld3.answers": json.dumps(answers), "ld3.shape": "[2]",
         "ld3.labels": "3", "ld3.pullback": "false" if "no-pullback" in WORDS else "true",
         "ld3.evaluations": VALUES.get("evaluations", "1")}
model["ld3.process" if "process" in VALUES else "ld3.interval"] = VALUES.get("process", VALUES.get("interval", "[2, 0.5]"))
if "bare" not in WORDS:
    model["ld3.sample_shape"] = "[4]" if "sample-shape" in WORDS else "[3]"
if not WORDS & {"bare", "tied"}:
    model["ld3.model_times"] = "true"
Frame(model).write()
for request in frames(Input()):
    Input.require_silence()
    kind, function, back = ALL[request.metadata["ld3.kind"]]
    batch = request["seed"].shape[0]
    reply = Frame({"ld3.format": "1", "ld3.kind": kind}, function(request, batch))
    cotangents = {n[10:]: tensor.values() for n, tensor in request.items() if n.startswith("cotangent.")}
    if cotangents:
        reply.update(back(request, batch, cotangents))
    if request.metadata.get("ld3.step") == "1":
        spoil(reply, request, batch)
    reply.write()
