import TestSupport
import Testing

#if canImport(Glibc)
    /// The C library's loader writes a line for each program that it starts, if it is asked to.
    struct StartupTests {
        @Test(arguments: [
            "ld3-noise -n 1 --shape 8",
            "ld3-teacher -q --model gaussian:shape=8",
            "ld3-sample -q --model gaussian:shape=8 --schedule edm --nfe 2",
        ])
        func programsWithoutLinearAlgebraStartOnce(command: String) throws {
            let result = try Programs.shell(
                "ld3-noise -n 1 --shape 8 | LD_DEBUG=files \(command) > /dev/null")
            let starts = result.errors.split(separator: "\n").filter { $0.contains("initialize program: ld3-") }
            #expect(result.status == 0 && starts.count == 1, "\(result.errors.suffix(2000))")
        }
    }
#endif
