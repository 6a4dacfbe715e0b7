import Diagnostics
import Testing

@Suite struct NumbersTests {
    @Test func fixedDecimals() {
        #expect(decimal(0.25, places: 3) == "0.250")
        #expect(decimal(12.5, places: 1, width: 6) == "  12.5")
        #expect(decimal(-1.5, places: 1) == "-1.5")
        #expect(decimal(-0.001, places: 2) == "0.00")
        #expect(decimal(1e300, places: 0).count == 301)
        #expect(decimal(.nan, places: 2) == "nan" && decimal(-.infinity, places: 2) == "-inf")
    }

    @Test func decimalsWithoutTrailingZeros() {
        #expect(decimal(80, atMost: 12) == "80.0")
        #expect(decimal(0.002, atMost: 12) == "0.002")
        #expect(decimal(1e-13, atMost: 12) == "0.0")
        #expect(decimal(14.614641, atMost: 3) == "14.615")
        #expect(decimal(100, atMost: 0) == "100")
    }

    @Test func significantDigits() {
        #expect(significant(12.34, digits: 6) == "12.3400")
        #expect(significant(0.0001234, digits: 6) == "0.000123400")
        #expect(significant(1.234e-7, digits: 6) == "1.23400e-7")
        #expect(significant(999_999.6, digits: 6) == "1000000")
        #expect(significant(1e9, digits: 6) == "1.00000e9")
        #expect(significant(0, digits: 6) == "0" && significant(.nan, digits: 6) == "nan")
        #expect(significant(-0.5, digits: 3) == "-0.500")
    }

    @Test func compactNumbers() {
        #expect(compact(12.34) == "12.34")
        #expect(compact(0.00001, width: 8) == "   1e-05")
        #expect(compact(123_456_789) == "1.2346e+08")
    }

    @Test func shortestNumbersReadBack() {
        for value in [0.1, 1e-7, 80, 1 / 3, .leastNonzeroMagnitude, -1e300] {
            #expect(Double(shortest(value)) == value)
        }
    }
}
