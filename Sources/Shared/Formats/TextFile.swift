import Diagnostics

extension String {
    /// Reads the text of a file in UTF-8. The mark of the byte order that may stand at its start is left out.
    ///
    /// Throws `.data` if the bytes are no UTF-8 text or hold a zero byte.
    package init(textFile bytes: [UInt8]) throws {
        let unmarked = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
        if !bytes.contains(0), let text = String(validating: unmarked, as: UTF8.self) {
            self = text
            return
        }
        try FileKind.refuse(bytes, wanted: "text in UTF-8", accepted: [.text, .json])
        if let zero = bytes.firstIndex(of: 0) {
            throw Failure(
                .data, "byte \(zero + 1) is zero, which no text has", suggestion: "is the file damaged, or no text?")
        }
        throw Failure(.data, "is no text in UTF-8", suggestion: "save it as UTF-8")
    }
}
