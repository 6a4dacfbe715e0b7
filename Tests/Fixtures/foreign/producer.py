"""A producer of noise that is not ours: four Gaussian numbers a seed. Arguments: the scripts folder, samples."""
import array, random, sys
sys.path.insert(0, sys.argv[1])
from ld3_stream import Frame, Tensor
seeds = range(int(sys.argv[2]))
noise = array.array("f", [random.Random(1000 * seed + k).gauss(0, 1) for seed in seeds for k in range(4)])
frame = Frame({"ld3.format": "1", "ld3.kind": "noise", "ld3.count": str(len(seeds))})
frame["noise"] = Tensor.of(noise, (len(seeds), 4))
frame["seed"] = Tensor.of(array.array("q", seeds))
frame.history("producer.py", sys.argv[2:])
frame.write()
