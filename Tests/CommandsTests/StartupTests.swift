import Commands
import Testing

@Suite struct StartupTests {
    private func startsAgain(usesLinearAlgebra: Bool, hasChosen: Bool = false, wide: Bool = true) -> Bool {
        let command = Command(
            name: "ld3-test", purpose: "tests", usage: [], groups: [], examples: [],
            usesLinearAlgebra: usesLinearAlgebra)
        return Startup.startsAgain(command, hasChosen: hasChosen, wide)
    }

    @Test func onlyUsersOfLinearAlgebraStartAgain() {
        #expect(startsAgain(usesLinearAlgebra: true))
        #expect(!startsAgain(usesLinearAlgebra: false))
        #expect(!startsAgain(usesLinearAlgebra: true, hasChosen: true))
        #expect(!startsAgain(usesLinearAlgebra: true, wide: false))
    }
}
