import Foundation
import TestSupport
import Testing

/// Cuts runs into shards and gives these to the engines of docs/CLUSTER.md, which lose one on the way.
struct ClusterTests {
    private static let scripts = Fixtures.root + "/scripts"

    /// Whether Slurm and what it needs are installed.
    private static var hasSlurm: Bool {
        ["slurmctld", "slurmd", "munged", "sbatch"].allSatisfy { command in
            Programs.exists(command) || FileManager.default.isExecutableFile(atPath: "/usr/sbin/\(command)")
        }
    }

    /// The samples of every run: 400 in 8 shards, each on one thread.
    private static let run = [
        "SCHEDULE": "logsnr", "SAMPLE": "--nfe 2", "SAMPLES": "400", "SHARDS": "8", "JOBS": "4", "THREADS": "1",
    ]

    @Test(.enabled(if: Self.hasSlurm, "Slurm (slurm-wlm, munge) is not installed"))
    func aSlurmArrayGoesOnAfterAKilledTask() throws {
        try goesOn(engine: "slurm", starter: "'\(Self.scripts)/slurm/private'", kill: "scancel $job")
    }

    @Test(.enabled(if: Programs.exists("parallel"), "GNU parallel is not installed"))
    func parallelGoesOnAfterAKilledProgram() throws {
        try goesOn(engine: "parallel", starter: "", kill: "kill -KILL $process")
    }

    /// Expects that the engine, if task 3 is killed in the middle of its samples, tells this, and that the run goes on
    /// when it is started again, to the same bytes as on one machine.
    ///
    /// A shell writes the program that hangs: while this process writes a file, a child that another test starts holds
    /// it open, and it cannot be run.
    private func goesOn(engine: String, starter: String, kill: String) throws {
        let folder = try TemporaryFolder()
        let script = """
            cd '\(folder.path)' && PATH=$PWD:$PATH && touch hang
            cat > ld3-sample << 'END'
            #!/bin/sh
            # Hangs in the middle of the samples of task 3 as long as the file `hang` exists.
            if [ "$1" != --version ] && [ "${SLURM_ARRAY_TASK_ID:-${PARALLEL_SEQ:-}}" = 3 ] && [ -e '\(folder.path)/hang' ]
            then
                '\(Programs.folder)/ld3-sample' "$@" | head -c 60000
                echo "process=$$ job=${SLURM_ARRAY_JOB_ID:-}_3" > '\(folder.path)/hung'
                exec sleep 600
            fi
            exec '\(Programs.folder)/ld3-sample' "$@"
            END
            chmod +x ld3-sample
            '\(Self.scripts)/fid-50k' & whole=$!
            until [ -s hung ]; do sleep 0.1; kill -0 $whole || exit 1; done
            . ./hung
            \(kill)
            wait $whole
            echo "status $?"
            ls \(engine)/all-* 2> none
            rm hang
            '\(Self.scripts)/fid-50k'
            """
        try folder.write(Array(script.utf8), to: "script")
        let broken = try Programs.shell(
            "\(starter) bash '\(folder.file("script"))'",
            environment: Self.run.merging(["ENGINE": engine, "RESULTS": folder.file(engine)]) { $1 })
        let single = try Programs.shell(
            "'\(Self.scripts)/fid-50k'",
            environment: Self.run.merging(["RESULTS": folder.file("local"), "JOBS": "1"]) { $1 })
        #expect(single.status == 0, "\(single.errors)")
        #expect(single.text.contains(" over 400 samples"))
        #expect(broken.status == 0 && broken.text == "status 74\n" + single.text, "\(broken.text)\(broken.errors)")
        #expect(broken.errors.contains("shards \(engine == "slurm" ? 3 : 2) failed"), "\(broken.errors)")
        func results(_ name: String) throws -> [String: Data] {
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.file(name))
            return try Dictionary(
                uniqueKeysWithValues: files.filter { $0.hasSuffix(".npz") }.map {
                    ($0, try Data(contentsOf: URL(fileURLWithPath: folder.file("\(name)/\($0)"))))
                })
        }
        let expected = try results("local")
        #expect(expected.count == 9)
        #expect(try results(engine) == expected)
    }

    /// Slurm takes two tasks an array, so the shards are more than one array may have.
    @Test(.enabled(if: Self.hasSlurm, "Slurm (slurm-wlm, munge) is not installed"))
    func pairsAndFitsOfSlurmArraysAreThoseOfOneMachine() throws {
        let folder = try TemporaryFolder()
        let script = """
            cd '\(folder.path)' && export WAIT=1 && mkdir slurm local
            FOLDER=slurm/pairs SEEDS=0-7 SHARDS=3 TEACHER='--nfe 4' '\(Self.scripts)/slurm/teacher.sbatch' >&2
            shards() { '\(Self.scripts)/shards' "$@"; }
            shards pairs local/pairs --seeds 0-7 --shards 3 --teacher '--nfe 4' | sh -e
            shards pairs local/pairs --seeds 0-7 --shards 3 --teacher '--nfe 4' --merge | sh -e
            pairs=$(echo local/pairs/all-*.ld3)
            FOLDER=slurm/fits PAIRS=$pairs SOLVERS='ddim ipndm-2' BUDGETS='1 2' FIT='--method heuristic' \
                '\(Self.scripts)/slurm/fits.sbatch' >&2
            fits() { shards fits local/fits --pairs "$pairs" --solvers 'ddim ipndm-2' --budgets '1 2' \
                --fit '--method heuristic' "$@"; }
            fits | sh -e && fits --merge | sh -e
            rm -f slurm/*/log-*
            diff -r slurm local && ls local/* | grep -c all-
            """
        try folder.write(Array(script.utf8), to: "script")
        let result = try Programs.shell("MAX_ARRAY=2 '\(Self.scripts)/slurm/private' bash '\(folder.file("script"))'")
        #expect(result.status == 0 && result.text == "3\n", "\(result.text)\(result.errors)")
    }

    /// A schedule that does not exist leaves no folder that the corrected call would find begun.
    @Test func aMissingScheduleWritesNothing() throws {
        let folder = try TemporaryFolder()
        let settings = Self.run.merging(["RESULTS": folder.file("out"), "SCHEDULE": folder.file("five.txt")]) { $1 }
        let result = try Programs.shell("'\(Self.scripts)/fid-50k'", environment: settings)
        #expect(result.status == 66 && result.errors.contains("five.txt: no such file"), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    }

    @Test func anotherRunsFileIsRefusedAndADoneShardIsSkipped() throws {
        let folder = try TemporaryFolder()
        func shards(_ options: String) throws -> Programs.Result {
            try Programs.shell("cd '\(folder.path)' && '\(Self.scripts)/shards' statistics out --seeds 0-9 \(options)")
        }
        let words = "--sample '--schedule five.txt --solver euler'"
        try folder.write(Array("80\n1\n0\n".utf8), to: "five.txt")
        let lines = try shards("--shards 3 \(words)")
        #expect(lines.text.split(separator: "\n").count == 3, "\(lines.text)\(lines.errors)")
        #expect(try shards("--shards 3 \(words) --missing").text == "0-2\n")
        #expect(try shards("--shards 3 \(words) --merge").errors == "shards: out: lacks the shards 0-2\n")

        let line = lines.text.split(separator: "\n")[1]
        let parts = line.split(separator: " ")
        let file = String(try #require(parts.last))
        let done = try Programs.shell("cd '\(folder.path)' && \(line)")
        #expect(done.status == 0, "\(done.errors)")
        #expect(try shards("--shards 3 \(words) --shard 1").text == "")
        #expect(try shards("--shards 3 \(words) --missing").text == "0,2\n")

        try folder.write(Array("80\n2\n0\n".utf8), to: "five.txt")
        for other in ["--shards 3 \(words)", "--shards 2 --sample '--schedule edm'"] {
            let refused = try shards(other)
            #expect(
                refused.status == 65 && refused.text == ""
                    && refused.errors.hasPrefix("shards: \(file): is of another run"))
        }
        let missing = try Programs.shell(
            "PATH=/usr/bin:/bin && cd '\(folder.path)' && '\(Self.scripts)/shards' pairs new --seeds 0-9 --shards 2 --teacher '--nfe 4'"
        )
        #expect(missing.status == 66 && missing.errors == "shards: ld3-noise: is not in the folders of PATH\n")
        #expect(try shards("--shards 6 \(words)").status == 64)
        #expect(try shards("--shards 3 --teacher '--nfe 4'").status == 64)
    }

    /// A line has no `pipefail`: its last program refuses a stream that was cut.
    @Test(arguments: ["ld3-noise", "ld3-sample"]) func aKilledProgramOfALineLeavesNoFile(program: String) throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            """
            cd '\(folder.path)'
            '\(Self.scripts)/shards' statistics out --seeds 0-19 --shards 1 --sample '--schedule logsnr --nfe 1' > line
            printf '#!/bin/sh\\n%s "$@" | head -c 30000\\nkill -KILL $$\\n' "'\(Programs.folder)/\(program)'" > \(program)
            chmod +x \(program)
            PATH=$PWD:$PATH sh line
            echo "status $?"
            ls -A out | grep -v run-
            """)
        #expect(result.text == "status 65\n", "\(result.text)\(result.errors)")
    }

    /// A node that dies can leave less of a file than was written; `--merge` would join or refuse what is left.
    @Test(arguments: ["statistics out --sample '--schedule logsnr --nfe 1'", "pairs out --teacher '--nfe 1'"])
    func aCutFileIsToldAndComputedAgain(run: String) throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            """
            cd '\(folder.path)'
            shards() { '\(Self.scripts)/shards' \(run) --seeds 0-5 --shards 3 "$@"; }
            shards | sh -e && shards --missing && cp -r out whole
            for size in 0 7 1000 -1; do
                truncate -s $size out/part-*-1.*
                shards --missing
                shards | sh -e && diff -r out whole && cp whole/* out
            done
            """)
        #expect(
            result.status == 0 && result.text == String(repeating: "1\n", count: 4), "\(result.text)\(result.errors)")
        #expect(result.errors.components(separatedBy: "-1.").count == 9, "\(result.errors)")
        #expect(result.errors.contains(": is cut; its shard counts as not done"))
    }

    @Test func pairsOfShardsInAnyOrderGiveTheSameFit() throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            """
            cd '\(folder.path)'
            shards() { '\(Self.scripts)/shards' pairs out --seeds 0-7 --shards 3 --teacher '--nfe 4' "$@"; }
            shards | sh -e && shards --merge | sh -e
            fit() { ld3-fit --quiet --nfe 2 --rounds 1,0 | cksum; }
            cat out/part-*-0.ld3 out/part-*-1.ld3 out/part-*-2.ld3 | fit
            cat out/part-*-2.ld3 out/part-*-0.ld3 out/part-*-1.ld3 | fit
            fit < "$(shards --result)"
            ld3-noise --seeds 0-7 | ld3-teacher --quiet --nfe 4 | fit
            """)
        let sums = result.text.split(separator: "\n")
        #expect(sums.count == 4 && Set(sums).count == 1, "\(result.text)\(result.errors)")
    }

    @Test func fitsOfAllSolversAndBudgetsAreJoinedBySolver() throws {
        let folder = try TemporaryFolder()
        let result = try Programs.shell(
            """
            cd '\(folder.path)' && ld3-noise -n 4 | ld3-teacher --quiet --nfe 4 > pairs.ld3
            shards() { '\(Self.scripts)/shards' fits out --pairs pairs.ld3 --solvers 'ddim ipndm-2' --budgets '1 2' \
                --fit '--method heuristic' "$@"; }
            shards --missing
            shards | sh -e
            shards --merge | sh -e
            for schedule in $(shards --result); do
                ld3-noise -n 1 | ld3-sample --schedule "$schedule" --nfe 2 2>&1 > samples
            done
            """)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.text.hasPrefix("0-3\n"))
        #expect(result.text.contains("ddim along") && result.text.contains("ipndm 2 along"), "\(result.text)")
    }
}
