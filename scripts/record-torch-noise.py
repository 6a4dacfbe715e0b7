"""Records torch.randn's numbers for the tests of `ld3-noise --rng torch`: needs PyTorch and NumPy.

    python3 scripts/record-torch-noise.py > Tests/Fixtures/noise/torch.safetensors
"""
import torch
from ld3_stream import Frame

frame = Frame({"torch": torch.__version__})
for count in (1, 15, 16, 17, 3072):
    for seed in (0, 137, (1 << 32) + 5):
        frame[f"{count}/{seed}"] = torch.randn(count, generator=torch.Generator().manual_seed(seed)).numpy()
frame.write()
