"""Read and write the ld3 tensor stream (docs/STREAM.md). It needs Python's standard library only, and uses NumPy if it is installed.

A stage that doubles the noise:

    from ld3_stream import Frame, frames
    for frame in frames():
        frame["noise"] = 2 * frame["noise"].numpy()
        frame.history("doubled.py")
        frame.write()

A frame maps tensor names to `Tensor`s; `frame.metadata` is its metadata, present on the first frame of a part.

A model of your own, which a program starts with --model 'exec:python3 model.py' (docs/STREAM.md, "Foreign samplers"):

    from ld3_stream import serve
    def step(f):
        return {"state": (f["state"] * (f["t_next"] / f["t"])[:, None]).astype("float32")}
    serve({"ld3.shape": "[2]", "ld3.interval": "[1, 0]"}, {"step": step})
"""
import array
import json
import struct
import sys
from typing import NamedTuple

# dtype -> (bytes of an element, code of Python's array module, NumPy's name)
TYPES = {
    "F64": (8, "d", "float64"), "F32": (4, "f", "float32"), "F16": (2, None, "float16"), "BF16": (2, None, None),
    "I64": (8, "q", "int64"), "I32": (4, "i", "int32"), "I16": (2, "h", "int16"), "I8": (1, "b", "int8"),
    "U64": (8, "Q", "uint64"), "U32": (4, "I", "uint32"), "U16": (2, "H", "uint16"), "U8": (1, "B", "uint8"),
    "BOOL": (1, None, "bool"),
}
LONGEST_HEADER = 16 << 20


class Tensor(NamedTuple):
    dtype: str
    shape: tuple
    data: bytes  # little-endian, row-major

    def values(self):
        """Returns the elements as a flat array.array."""
        return array.array(self._known_as(1, "array.array"), self.data)

    def numpy(self):
        """Returns the elements as a NumPy array."""
        import numpy
        return numpy.frombuffer(self.data, self._known_as(2, "NumPy")).reshape(self.shape)

    def _known_as(self, column, library):
        if TYPES[self.dtype][column] is None:
            raise TypeError(f"{library} has no type for {self.dtype}: the tensor's bytes are in its `data`")
        return TYPES[self.dtype][column]

    @staticmethod
    def of(value, shape=None):
        """Returns a tensor from a NumPy array, or from an array.array and its shape."""
        if isinstance(value, Tensor):
            return value
        if isinstance(value, array.array):
            dtype = _dtype(1, value.typecode, "array.array")
            return Tensor(dtype, (len(value),) if shape is None else tuple(shape), value.tobytes())
        dtype = _dtype(2, value.dtype.name, "NumPy")
        return Tensor(dtype, tuple(value.shape), value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes())


def _dtype(column, name, library):
    dtype = next((dtype for dtype, names in TYPES.items() if names[column] == name), None)
    if dtype is None:
        raise TypeError(f"a stream has no type for `{name}` of {library}")
    return dtype


class Frame(dict):
    """Tensor names -> Tensor (or NumPy array, once you put one in)."""

    def __init__(self, metadata=None, tensors=()):
        super().__init__(tensors)
        self.metadata = dict(metadata or {})

    def history(self, program, arguments=(), version="1"):
        """Appends this program to ld3.history if a part of the stream begins with this frame."""
        if "ld3.kind" in self.metadata:
            entries = json.loads(self.metadata.get("ld3.history", "[]"))
            entries.append({"program": program, "version": version, "arguments": list(arguments)})
            self.metadata["ld3.history"] = json.dumps(entries)

    def write(self, output=None):
        """Writes the frame, to standard output if not told otherwise."""
        output = output or sys.stdout.buffer
        tensors = {name: Tensor.of(value) for name, value in self.items()}
        header, end = ({"__metadata__": self.metadata} if self.metadata else {}), 0
        for name, tensor in tensors.items():
            header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": (end, end + len(tensor.data))}
            end += len(tensor.data)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        try:
            output.write(struct.pack("<Q", len(text)) + text)
            for tensor in tensors.values():
                output.write(tensor.data)
            output.flush()
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(141)


def frames(source=None):
    """Yields the frames of a stream, which is standard input unless `source` is given, until its end."""
    source = source or sys.stdin.buffer
    number = 0
    while True:
        prefix = source.read(8)
        if not prefix:
            return
        number += 1
        length = struct.unpack("<Q", _whole(prefix, 8, number))[0]
        if length > LONGEST_HEADER:
            raise ValueError(f"frame {number}: a header of {length} bytes is not possible")
        header = json.loads(_whole(source.read(length), length, number))
        metadata = header.pop("__metadata__", {})
        tensors, end = {}, 0
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, stop = entry["data_offsets"]
            if begin != end or stop < begin:
                raise ValueError(f"frame {number}: tensor {name} overlaps or leaves a hole")
            end = stop
            data = _whole(source.read(stop - begin), stop - begin, number)
            tensors[name] = Tensor(entry["dtype"], tuple(entry["shape"]), data)
        yield Frame(metadata, tensors)


def _whole(data, due, number):
    if len(data) < due:
        raise EOFError(f"frame {number} ends early: {len(data)} of {due} bytes")
    return data


# request -> kind of the answer
ANSWERS = {"denoise": "denoised", "start": "started", "step": "stepped", "finish": "finished", "loss": "losses"}


def serve(metadata, functions, pullback=None, output=None):
    """Speaks for a model on standard input and output until the input ends; needs NumPy.

    metadata: keys of the model frame, such as ld3.shape and ld3.interval; the rest is added.
    functions: for each request that is answered a function of its tensors, a dict of NumPy arrays, that returns the answer's.
    pullback: None, or a function(function, tensors, cotangents, names) for requests with cotangents. `cotangents` are the
    arrays by the names of the answer's tensors. It returns the cotangent of each input that `names` lists, by name.
    output: where answers go if not to standard output, which a library may print to.
    """
    own = {"ld3.format": "1", "ld3.kind": "model", "ld3.answers": json.dumps(list(functions)),
           "ld3.pullback": "false" if pullback is None else "true"}
    Frame({**own, **metadata}).write(output)
    for frame in frames():
        kind = frame.metadata["ld3.kind"]
        answer = Frame({"ld3.format": "1", "ld3.kind": ANSWERS.get(kind, kind)})
        try:
            told = {name: tensor.numpy() for name, tensor in frame.items()}
            cotangents = {name[10:]: told.pop(name) for name in list(told) if name.startswith("cotangent.")}
            answer.update(functions[kind](told))
            if cotangents:
                names = [name for name in told if told[name].dtype.kind == "f" and _has_cotangent(name)]
                pulled = pullback(functions[kind], told, cotangents, names)
                answer.update({name + "_cotangent": value for name, value in pulled.items()})
        except Exception as error:
            answer = Frame({"ld3.format": "1", "ld3.kind": ANSWERS.get(kind, kind),
                            "ld3.error": f"{type(error).__name__}: {error}"})
            answer.write(output)
            raise
        answer.write(output)


def _has_cotangent(name):
    return name in ("noise", "state", "sample", "t", "t_next", "t_model") or name.startswith("state.")
