/// The operations of pickle protocols 0 to 5 that model files use, under the names of Python's pickletools.
///
/// Some are left out, and refused if they come: EXT1-4 (a registry of other names), PERSID (text identifiers), and the
/// out-of-band buffers of protocol 5.
enum PickleOpcode: UInt8 {
    case mark = 0x28  // (
    case stop = 0x2e  // .
    case pop = 0x30  // 0
    case popMark = 0x31  // 1
    case duplicate = 0x32  // 2
    case floatText = 0x46  // F
    case integerText = 0x49  // I
    case longText = 0x4c  // L
    case stringText = 0x53  // S
    case unicodeText = 0x56  // V
    case int32 = 0x4a  // J
    case uint8 = 0x4b  // K
    case uint16 = 0x4d  // M
    case none = 0x4e  // N
    case persistent = 0x51  // Q
    case reduce = 0x52  // R
    case string = 0x54  // T
    case shortString = 0x55  // U
    case unicode = 0x58  // X
    case append = 0x61  // a
    case build = 0x62  // b
    case global = 0x63  // c
    case dictionary = 0x64  // d
    case appends = 0x65  // e
    case getText = 0x67  // g
    case get = 0x68  // h
    case instance = 0x69  // i
    case longGet = 0x6a  // j
    case list = 0x6c  // l
    case object = 0x6f  // o
    case putText = 0x70  // p
    case put = 0x71  // q
    case longPut = 0x72  // r
    case setItem = 0x73  // s
    case tuple = 0x74  // t
    case setItems = 0x75  // u
    case float = 0x47  // G
    case emptyTuple = 0x29  // )
    case emptyList = 0x5d  // ]
    case emptyDictionary = 0x7d  // }
    case bytes = 0x42  // B
    case shortBytes = 0x43  // C
    case proto = 0x80
    case newObject = 0x81
    case tuple1 = 0x85
    case tuple2 = 0x86
    case tuple3 = 0x87
    case newTrue = 0x88
    case newFalse = 0x89
    case long1 = 0x8a
    case long4 = 0x8b
    case shortUnicode = 0x8c
    case unicode8 = 0x8d
    case bytes8 = 0x8e
    case emptySet = 0x8f
    case addItems = 0x90
    case frozenSet = 0x91
    case newObjectExtended = 0x92
    case stackGlobal = 0x93
    case memoize = 0x94
    case frame = 0x95
    case byteArray8 = 0x96
}
