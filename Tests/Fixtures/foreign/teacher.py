"""A teacher that is not ours: the exact solution for N(0, 0.5^2) under the EDM process. Argument: the scripts folder."""
import array, math, sys
sys.path.insert(0, sys.argv[1])
from ld3_stream import Tensor, frames
scale = 80 * math.sqrt((0.5**2 + 0.002**2) / (0.5**2 + 80**2))
for frame in frames():
    noise = frame["noise"]
    frame["target"] = Tensor.of(array.array("f", [scale * x for x in noise.values()]), noise.shape)
    if "ld3.kind" in frame.metadata:
        frame.metadata.update({"ld3.kind": "pairs", "ld3.model": "gaussian:shape=4,std=0.5", "ld3.process": "edm"})
        frame.history("teacher.py")
    frame.write()
