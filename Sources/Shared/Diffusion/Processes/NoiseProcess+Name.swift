extension NoiseProcess {
    /// The name of the process in commands and files.
    package var spelling: String {
        switch self {
        case .edm(0.002, 80): "edm"
        case .edm(let minimum, let maximum): "edm:\(minimum),\(maximum)"
        case .vpLinear: "vp-linear"
        case .vpCosine: "vp-cosine"
        case .vpDiscrete(let table): "vp-discrete:\(table.name)"
        case .flow(1): "flow"
        case .flow(let shift): "flow:shift=\(shift)"
        case .interval(let start, let end): "interval:\(start),\(end)"
        }
    }
}
