#!/usr/bin/env python3
"""Serves a PyTorch denoiser to the ld3 programs, values and gradients.

    ld3-teacher --model 'exec:python3 scripts/torch_denoiser.py my_unet.py:load --shape 3,32,32 --device cuda'

my_unet.py:load (or package.module:load) is called without arguments and returns a torch module or function network(x,
t, labels): x [B, shape], t [B], labels [B] integers with -1 for none, or None. On a flow, t is sigma, from 1 (noise)
to 0, whatever its shift. With a table of N noise levels (vp-discrete:sd, ldm, scaled-linear:N,BETA1,BETAN,
linear:N,BETA1,BETAN or cosine:N), t is the time step, from N - 1 to 0, with fractions between. What it returns is
what --predicts says, [B, shape], or a tuple or an output of diffusers that begins with it. The velocity of a flow is
noise - data, as in diffusers. The ld3 programs want the x_0 prediction and get it by x = alpha x_0 + sigma noise.
What the network prints goes to standard error.
"""
import argparse
import importlib
import importlib.util
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch  # noqa: E402
from ld3_stream import Frame, frames  # noqa: E402


def flow_sigma(process, t):
    """sigma(t) of flow and flow:shift=K."""
    shift = float(process.partition("shift=")[2] or 1)
    return shift * t / (1 + (shift - 1) * t)


def log_alphas(process):
    """log alpha of each noise level, at t = 1/N, ..., 1, of a table that has a formula, or None."""
    name, _, table = process.partition(":")
    table = {"sd": "scaled-linear:1000,0.00085,0.012", "ldm": "scaled-linear:1000,0.0015,0.0195"}.get(table, table)
    kind, _, numbers = table.partition(":")
    if name != "vp-discrete" or kind not in ("scaled-linear", "linear", "cosine"):
        return None
    if kind == "cosine":
        angles = (torch.arange(int(numbers) + 1, dtype=torch.float64) / int(numbers) + 0.008) / 1.008 * math.pi / 2
        signals = torch.cos(angles) ** 2
        betas = (1 - signals[1:] / signals[:-1]).clamp(max=0.999)
    else:
        count, first, last = (float(text) for text in numbers.split(","))
        power = 2 if kind == "scaled-linear" else 1
        first, last = first ** (1 / power), last ** (1 / power)
        betas = torch.linspace(first, last, int(count), dtype=torch.float64) ** power
    return 0.5 * torch.log1p(-betas).cumsum(0)


def converts(prediction, process):
    """Whether x_0 can be computed from the prediction: not from EDM's velocity, nor from the noise or the score of a flow,
    which starts without signal (alpha = 0), nor under a process that has no formula here."""
    if prediction == "data":
        return True
    if process.startswith("edm"):
        return prediction != "velocity"
    if process.startswith("flow"):
        return prediction == "velocity"
    return process in ("vp-linear", "vp-cosine") or log_alphas(process) is not None


def told_time(process, t):
    """What a network takes for the time t of the process."""
    if process.startswith("flow"):
        return flow_sigma(process, t)
    table = log_alphas(process)
    return t if table is None else len(table) * t - 1


def alpha_sigma(process, t):
    """alpha(t) and sigma(t) of the processes that have a formula."""
    table = log_alphas(process)
    if table is not None:
        step = told_time(process, t).double()
        before = (step.detach() + 6e-5).floor().clamp(0, len(table) - 2).long()
        table = table.to(t.device)
        log_alpha = table[before] + (table[before + 1] - table[before]) * (step - before)
        return torch.exp(log_alpha), torch.sqrt(-torch.expm1(2 * log_alpha))
    if process.startswith("edm"):
        return torch.ones_like(t), t
    if process.startswith("flow"):
        sigma = flow_sigma(process, t)
        return 1 - sigma, sigma
    if process == "vp-linear":
        log_alpha = -0.25 * t**2 * 19.9 - 0.5 * t * 0.1
    else:
        angle = math.pi / 2 / 1.008
        log_alpha = torch.log(torch.cos(angle * (t + 0.008))) - math.log(math.cos(angle * 0.008))
    return torch.exp(log_alpha), torch.sqrt(-torch.expm1(2 * log_alpha))


def load(name):
    """The callable that `file.py:name` or `package.module:name` says."""
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        # The file may import modules that lie beside it.
        sys.path.insert(0, os.path.dirname(os.path.abspath(place)))
        spec = importlib.util.spec_from_file_location("denoiser", place)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    return getattr(module, attribute)()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="file.py:function or package.module:function")
    parser.add_argument("--shape", required=True, help="shape of a sample, such as 3,32,32")
    parser.add_argument("--process", default="edm", help="noise process as the ld3 programs spell it [edm]")
    parser.add_argument("--predicts", default="data", choices=["data", "noise", "score", "velocity"])
    parser.add_argument("--labels", type=int, default=0, help="number of classes [0]")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-pullback", action="store_true", help="do not offer gradients")
    options = parser.parse_args()
    if not converts(options.predicts, options.process):
        sys.exit(
            f"--predicts {options.predicts} with --process {options.process}: "
            "let the network return x_0 (--predicts data)")
    # Only frames go to standard output, whatever a library prints.
    output = sys.stdout.buffer
    sys.stdout = sys.stderr
    is_flow = options.process.startswith("flow")
    network = load(options.network)
    if isinstance(network, torch.nn.Module):
        network = network.to(options.device).eval().requires_grad_(False)

    def denoise(x, t, labels):
        output = network(x, told_time(options.process, t).to(x.dtype), labels)
        output = (output if torch.is_tensor(output) else output[0]).to(x.dtype)
        if output.shape != x.shape:
            sys.exit(f"the network returns the shape {list(output.shape)} for states of shape {list(x.shape)}")
        if options.predicts == "data":
            return output
        rows = [-1] + [1] * (x.dim() - 1)
        alpha, sigma = (value.to(x.dtype).reshape(rows) for value in alpha_sigma(options.process, t))
        if options.predicts in ("noise", "score"):
            noise = output if options.predicts == "noise" else -sigma * output
            return (x - sigma * noise) / alpha
        return x - sigma * output if is_flow else alpha * x - sigma * output

    def tensor(frame, name):
        return torch.from_numpy(frame[name].numpy().copy()).to(options.device) if name in frame else None

    shape = [int(size) for size in options.shape.split(",")]
    Frame({
        "ld3.format": "1", "ld3.kind": "model", "ld3.process": options.process, "ld3.shape": json.dumps(shape),
        "ld3.pullback": json.dumps(not options.no_pullback), "ld3.labels": str(options.labels),
    }).write(output)
    for frame in frames():
        x, t, labels, cotangent = (tensor(frame, name) for name in ("x", "t", "label", "cotangent"))
        answer = Frame({"ld3.format": "1", "ld3.kind": "denoised"})
        with torch.set_grad_enabled(cotangent is not None):
            if cotangent is not None:
                x.requires_grad_()
                t.requires_grad_()
            value = denoise(x, t, labels)
            if cotangent is not None:
                gradients = torch.autograd.grad(value, (x, t), cotangent.to(value.dtype), allow_unused=True)
                for name, gradient, like in zip(("x_cotangent", "t_cotangent"), gradients, (x, t)):
                    answer[name] = (torch.zeros_like(like) if gradient is None else gradient).cpu().numpy()
            answer["denoised"] = value.detach().float().cpu().numpy()
        answer.write(output)


if __name__ == "__main__":
    main()
