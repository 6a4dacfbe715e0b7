import TestSupport
import Testing

/// The environment with which the kernel started a process stays to be read, whatever the process has changed since.
struct StartupTests {
    @Test(arguments: [
        "ld3-noise -n 1000000 --shape 64",
        "ld3-teacher -q --batch 1 --model gaussian:shape=64",
        "ld3-sample -q --batch 1 --model gaussian:shape=64 --schedule edm --nfe 2",
    ])
    func programsWithoutLinearAlgebraStartOnce(command: String) throws {
        let folder = try TemporaryFolder()
        // The program has begun its work when it writes, and waits then for its reader.
        let script = """
            cd '\(folder.path)'
            ld3-noise -n 1000000 --shape 64 | sh -c 'echo $$ > id; exec \(command)' | {
                head -c 1 > /dev/null
                tr '\\0' '\\n' < "/proc/$(cat id)/environ"
            }
            """
        let result = try withExtendedLifetime(folder) { try Programs.shell(script) }
        #expect(result.text.contains("PATH=") && !result.text.contains("LD3_STARTED_AGAIN"), "\(result.errors)")
    }
}
