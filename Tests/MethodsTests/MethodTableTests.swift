import Diagnostics
import Fitting
import FittingTestSupport
import Methods
import Options
import Solvers
import Testing

/// Values of the options that the methods declare, as a command line would give them.
private struct Values: OptionValues {
    var given: [String: String] = [:]
    private static let declared =
        FitMethods.options.flatMap(\.options) + TimesSettings.options.options + LossChoice.options.options + [
            FitMethods.option, CoefficientSettings.learn, LossChoice.option, .flag("tied", ""), .flag("hard", ""),
            .integer("seed", in: 0...9, default: "0", ""),
        ]

    func isGiven(_ name: String) -> Bool { given[name] != nil }
    func flag(_ name: String) -> Bool { isGiven(name) }
    func stringIfGiven(_ name: String) -> String? {
        given[name] ?? Self.declared.first { $0.name == name }?.defaultValue
    }
    func integerIfGiven(_ name: String) -> Int? { stringIfGiven(name).flatMap { Int($0) } }
    func doubleIfGiven(_ name: String) -> Double? { stringIfGiven(name).flatMap { Double($0) } }
    func string(_ name: String) throws -> String { try required(stringIfGiven(name), name) }
    func integer(_ name: String) throws -> Int { try required(integerIfGiven(name), name) }
    func double(_ name: String) throws -> Double { try required(doubleIfGiven(name), name) }
    func choice<Choice>(_ name: String, _ type: Choice.Type) throws -> Choice
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        try required(Choice(rawValue: string(name)), name)
    }
    func threads() -> Int { 1 }

    private func required<Value>(_ value: Value?, _ name: String) throws -> Value {
        guard let value else { throw Failure.option(name, "is required") }
        return value
    }
}

@Suite struct MethodTableTests {
    /// Names and options belong to one method each.
    @Test func namesAreUnique() {
        let names = FitMethods.all.map { $0.name }
        #expect(Set(names).count == names.count)
        let options = FitMethods.options.flatMap(\.options).map(\.name)
        #expect(Set(options).count == options.count)
    }

    /// Every default that a help text tells is of its option's kind.
    @Test func defaultsAreOfTheirKind() throws {
        for option in FitMethods.options.flatMap(\.options) + [FitMethods.option, LossChoice.option] {
            if let value = option.defaultValue { try option.kind.check(value) }
        }
    }

    @Test(arguments: [
        ([:], "ld3"), (["method": "gits"], "gits"), (["learn": "times"], "generalized"),
        (["method": "ggdm", "learn": "times"], "ggdm"),
    ])
    func theOptionsChooseTheMethod(given: [String: String], name: String) throws {
        #expect(type(of: try chosen(given)).name == name)
    }

    private func chosen(_ given: [String: String], warn: (String) -> Void = { _ in }) throws -> any FitMethod {
        try FitMethods.chosen(by: Values(given: given), warn: warn)
    }

    /// Options that several methods read are told if the one at hand does not.
    @Test func optionsWithoutEffectAreTold() throws {
        var told: [String] = []
        _ = try chosen(["method": "gits", "seed": "3", "hard": "", "tied": ""]) { told.append($0) }
        #expect(
            told == ["hard", "seed", "tied"].map { "--\($0) changes nothing with --method gits" })
        told = []
        _ = try chosen(["seed": "3", "hard": "", "tied": "", "window": "0.1"]) { told.append($0) }
        #expect(told.isEmpty)
    }

    @Test(arguments: [
        ["sum-rule": ""], ["own-coefficients": ""], ["learn": "times", "sum-rule": ""],
        ["method": "ggdm", "own-coefficients": ""], ["method": "d-ode", "sum-rule": ""],
        ["method": "gits", "learn": "times"], ["method": "ld3", "learn": "times"], ["iterations": "3"],
        ["method": "gits", "ays-samples": "3"], ["features": "elements"], ["learn": "times", "polish": "1"],
        ["method": "heuristic", "radius": "1"],
    ])
    func contradictionsAreRefused(given: [String: String]) {
        #expect {
            try chosen(given)
        } throws: { error in
            (error as? Failure)?.status == .usage
        }
    }

    /// The parts that a schedule will have of its own, known before the fit.
    @Test func whatIsLearned() throws {
        func learned(_ given: [String: String]) throws -> LearnedParts {
            try chosen(given).learned
        }
        #expect(try learned([:]) == [.times, .modelTimes])
        #expect(try learned(["tied": ""]) == .times && learned(["window": "0"]) == .times)
        #expect(try learned(["rounds": "1,0", "polish": "0"]) == .times)
        #expect(try learned(["method": "d-ode"]) == .coefficients && learned(["method": "dmn"]) == [])
        #expect(try learned(["method": "ggdm", "tied": ""]) == [.times, .coefficients])
        #expect(try learned(["learn": "model-times"]) == .modelTimes)
    }

    /// Levenberg-Marquardt lowers the loss on LD3's own parameters in either form of the solver, and no offsets are under the
    /// ridge.
    @Test(arguments: ["ipndm3", "uni_pc_bh1_3", "heun"]) func anyFamilyIsFitted(name: String) throws {
        let toy = try Toy(pairs: 24)
        let times = toy.family(try Solver(name: name), steps: 4)
        let start = [Double](repeating: 1, count: 5) + [Double](repeating: 0, count: 5)
        func check<Family: ProgramFamily>(_ family: Family) throws {
            let optimizer = LevenbergMarquardt(
                student: toy.student(family), settings: LevenbergMarquardtSettings(), learning: [.times, .modelTimes],
                train: [toy.set(toy.train)], validation: toy.set(toy.validation))
            let before = try optimizer.state(start).validationLoss
            let after = try optimizer.run(from: start).validationLoss
            #expect(after < 0.9 * before && family.coefficientOffsets.isEmpty)
        }
        try check(times)
        try check(#require(try MultistepTimes(times)))
    }
}
