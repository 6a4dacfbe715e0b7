extension Solver.Family {
    /// Every family, in the order in which help texts name them.
    package static let all: [Solver.Family] = [
        .euler,
        .ddim,
        .heun,
        .dpmSolverPlusPlus,
        .dpmSolverPlusPlusSinglestep,
        .unipc,
        .ipndm,
        .dpmSolver,
        .ipndmVariable,
        .deisTime,
        .deisRho,
    ]
}
