import Diagnostics
import FitRequests
import Testing

@Suite struct FitRequestTests {
    @Test func budgetsAreListsAndRanges() throws {
        #expect(try FitRequest.evaluations("5") == [5])
        #expect(try FitRequest.evaluations("8,4-6,5") == [4, 5, 6, 8])
        for text in ["", "0", "6-4", "5,", "4-5-6", "1001", "x"] {
            #expect(throws: Failure.self, "\(text)") { try FitRequest.evaluations(text) }
        }
    }

    @Test func heuristicsAreNamed() throws {
        #expect(try FitRequest.heuristics("edm,logsnr").map(\.spelling) == ["edm", "logsnr"])
        #expect(throws: Failure.self) { try FitRequest.heuristics("") }
        #expect(throws: Failure.self) { try FitRequest.heuristics("edm,edn") }
    }

    @Test func savingsAreTakenAway() throws {
        #expect(try FitRequest.savings("r1,R3") == .all.subtracting([.unusedEvaluation, .earlyAbort]))
        #expect(throws: Failure.self) { try FitRequest.savings("r9") }
    }
}
