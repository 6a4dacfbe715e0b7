import TestSupport
import Testing

/// The options of ld3-fit are checked before its input.
@Suite struct FitOptionsTests {
    private static let refusedOptions: [([String], Int32)] = [
        (["--learning-rate=fast"], 64), (["--gits-coefficient=fast"], 64), (["--iterations=0"], 64),
        (["--method=dmn", "--ggdm-batch=1"], 64), (["--mode=lamda"], 64), (["--heuristics=edm,edn"], 64),
        (["--heuristics="], 64), (["--learn=times,coeficients"], 64), (["--rounds=2"], 64), (["--nfe=5-3"], 64),
        (["--nfe=1", "--solver=heun"], 64), (["--activations=never"], 64), (["--without-savings=r9"], 64),
        (["--loss=lpips"], 64), (["--loss=lpips", "--lpips-weights=/does/not/exist", "--lpips-linear=/nor/this"], 66),
        (["--method=ggdm", "--features=lpips", "--lpips-weights=/no/file", "--lpips-linear=/nor/this"], 66),
        (["--start=/does/not/exist"], 66), (["--schedule=/does/not/exist", "--export=comfy"], 66),
        (["--method=ggdm", "--own-coefficients"], 64), (["--learn=times", "--sum-rule"], 64),
        (["--plot=/no/such/folder/plot.png"], 73), (["--model=/does/not/exist"], 66), (["--process=edn"], 64),
        (["--architecture=/does/not/exist"], 66), (["--model=gaussian:shap=2"], 64), (["--seed=-1"], 64),
        (["--train=0"], 64),
    ]

    /// Options are checked before the input: reading none would be status 65.
    @Test(arguments: refusedOptions)
    func optionsAreCheckedBeforeTheInput(options: [String], status: Int32) throws {
        let refused = try Programs.run("ld3-fit", options, input: [])
        #expect(refused.status == status, "\(options): \(refused.errors)")
        #expect(refused.errors.hasPrefix("ld3-fit: ") && refused.errors.split(separator: "\n").count == 1)
        #expect(refused.output.isEmpty)
    }
}
