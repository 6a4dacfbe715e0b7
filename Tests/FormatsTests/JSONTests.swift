import Diagnostics
import Formats
import TestSupport
import Testing

@Suite struct JSONTests {
    @Test func parsesEveryKindOfValue() throws {
        let document = try JSONValue(
            parsing: #" {"a":[1,-2.5e1,true,false,null],"b":{"c":"x\n\u00e9\ud83d\ude00\/"}} "#)
        #expect(document["a"]?.elements == [.integer(1), .number(-25), .boolean(true), .boolean(false), .null])
        #expect(document["b"]?["c"]?.string == "x\né😀/")
    }

    @Test(arguments: [
        "", " ", "{", "[1,", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "01", "1.", ".5", "+1", "1e", "-", "NaN",
        "Infinity", "1e999", "tru", "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
        "\"a", "\"a\nb\"", "[1] 2", "'a'", "{\"a\":1,\"a\":2}", "[1 2]", "nullnull", "\"\\u+123\"",
    ])
    func refuses(_ text: String) { #expect(throws: Failure.self) { try JSONValue(parsing: text) } }

    @Test func duplicateNamesAreNamed() {
        #expect { try JSONValue(parsing: #"{"x":{"seed":1,"seed":1}}"#) } throws: { error in
            (error as? Failure)?.message.contains("`seed` occurs twice") == true
        }
    }

    @Test func escapedDuplicateIsADuplicate() {
        #expect(throws: Failure.self) { try JSONValue(parsing: #"{"a":1,"\u0061":2}"#) }
    }

    @Test func depthIsLimitedWithoutOverflowOfTheStack() throws {
        let nested = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
        _ = try JSONValue(parsing: nested(JSONValue.maximumDepth))
        #expect(throws: Failure.self) { try JSONValue(parsing: nested(JSONValue.maximumDepth + 2)) }
        #expect(throws: Failure.self) { try JSONValue(parsing: String(repeating: "[", count: 1 << 20)) }
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: Failure.self) { try JSONValue(parsing: [0x22, 0xC3, 0x28, 0x22]) }
        #expect(throws: Failure.self) { try JSONValue(parsing: [0x22, 0xED, 0xA0, 0x80, 0x22]) }
    }

    @Test func integersKeepAllTheirDigits() throws {
        #expect(try JSONValue(parsing: "9223372036854775807").integer == .max)
        #expect(try JSONValue(parsing: "9223372036854775808").integer == nil)
        #expect(try JSONValue(parsing: "9223372036854775808").double == 0x1p63)
        #expect(try JSONValue(parsing: "-0.0").double?.sign == .minus)
    }

    @Test func textRoundTrips() throws {
        let value: JSONValue = [
            "numbers": [0.1, -2.5e-300, 1.7976931348623157e308, 3], "text": "\"\\\n\u{1}é😀", "empty": [],
            "nested": [["a": [:]]],
        ]
        #expect(try JSONValue(parsing: value.text) == value)
        #expect(try JSONValue(parsing: value.indentedText) == value)
        #expect(!value.text.contains("\n"))
    }

    @Test func indentedTextReads() {
        let value: JSONValue = ["a": [1, 2], "b": ["c": "d"]]
        #expect(value.indentedText == "{\n  \"a\": [1, 2],\n  \"b\": {\n    \"c\": \"d\"\n  }\n}\n")
    }

    /// A damaged document either parses or is refused; no damage traps.
    @Test func mutationsNeverTrap() throws {
        let document = Array(#"{"a":[1,-2.5e1,true,null],"b":{"c":"x\n\u00e9\ud83d\ude00"},"d":"é"}"#.utf8)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var bytes = document
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if let value = try? JSONValue(parsing: bytes) { #expect((try? JSONValue(parsing: value.text)) == value) }
        }
    }

    /// Python writes numbers that JSON has not. They are text where they are allowed, so no number is other than finite.
    @Test(arguments: ["NaN", "Infinity", "-Infinity"]) func numbersOfPython(word: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Array(#"{"a": [\#(word), -1]}"#.utf8), to: "a.json")
        #expect(try JSONValue(file: path, isPythons: true) == ["a": [.string(word), -1]])
        #expect(throws: Failure.self) { try JSONValue(file: path) }
        let other = try folder.write(Array(#"{"a": -Inf}"#.utf8), to: "b.json")
        #expect(throws: Failure.self) { try JSONValue(file: other, isPythons: true) }
    }
}
