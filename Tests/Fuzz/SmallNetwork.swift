import TestSupport

/// A pickle of the form that NVIDIA publishes, as small as it can be: persistent modules one inside the other, tensors
/// as torch.save streams, NumPy scalars among the attributes.
enum SmallNetwork {
    static let pickle = PickleBuilder.pickle { builder in
        builder.dictionary(["ema"]) { builder, _ in
            module("EDMPrecond", &builder) { builder in
                builder.dictionary(["model"]) { builder, _ in
                    module("SongUNet", &builder) { $0.op("}") }
                }
            }
        }
    }

    private static func module(
        _ name: String, _ builder: inout PickleBuilder, modules: @escaping (inout PickleBuilder) -> Void
    ) {
        builder.global("torch_utils.persistence", "_reconstruct_persistent_obj")
        builder.op("(")
        builder.dictionary(["type", "class_name", "state"]) { builder, key in
            switch key {
            case "type": builder.text("class")
            case "class_name": builder.text(name)
            default: state(&builder, modules)
            }
        }
        builder.op("tR")
    }

    private static func state(_ builder: inout PickleBuilder, _ modules: (inout PickleBuilder) -> Void) {
        let keys = ["_parameters", "_buffers", "_modules", "_init_kwargs", "sigma_data", "sigma_max"]
        builder.dictionary(keys) { builder, key in
            switch key {
            case "_parameters": builder.dictionary(["weight", "bias"]) { builder, _ in tensor(&builder) }
            case "_modules": modules(&builder)
            case "_init_kwargs":
                builder.dictionary(["img_resolution", "channel_mult"]) { builder, key in
                    if key == "img_resolution" { builder.integer(16) } else { builder.op("](K\u{1}K\u{2}e") }
                }
            case "sigma_data": scalar(&builder)
            case "sigma_max": builder.raw([0x47, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0])
            default: builder.op("}")
            }
        }
    }

    /// A parameter of shape [2, 3] whose storage is given by the bytes of a stream.
    private static func tensor(_ builder: inout PickleBuilder) {
        let stream = storageStream
        builder.global("torch._utils", "_rebuild_parameter")
        builder.op("(")
        builder.global("torch._utils", "_rebuild_tensor_v2")
        builder.op("(")
        builder.global("torch.storage", "_load_from_bytes")
        builder.op("(B")
        builder.raw(withUnsafeBytes(of: UInt32(stream.count).littleEndian) { Array($0) } + stream)
        builder.op("tR")
        builder.integer(0)
        builder.tuple([2, 3])
        builder.tuple([3, 1])
        builder.raw([0x89])
        builder.op("NtR")
        builder.raw([0x88])
        builder.op("NtR")
    }

    private static let storageStream: [UInt8] = {
        let magic: [UInt8] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
        let version = PickleBuilder.pickle { $0.integer(1001) }
        let system = PickleBuilder.pickle {
            $0.dictionary(["little_endian"]) { builder, _ in builder.raw([0x88]) }
        }
        let object = PickleBuilder.pickle { $0.storage("FloatStorage", key: "0", count: 6) }
        let keys = PickleBuilder.pickle { builder in
            builder.op("]")
            builder.text("0")
            builder.op("a")
        }
        return magic + version + system + object + keys + [6, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 24)
    }()

    private static func scalar(_ builder: inout PickleBuilder) {
        builder.global("numpy.core.multiarray", "scalar")
        builder.op("(")
        builder.global("numpy", "dtype")
        builder.op("(U\u{2}f8K\0K\u{1}tRC\u{8}")
        builder.raw(withUnsafeBytes(of: (0.5).bitPattern.littleEndian) { Array($0) })
        builder.op("tR")
    }
}
