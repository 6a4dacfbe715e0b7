import Formats

extension PickleDocument {
    /// Returns the architecture of a network that was pickled in NVIDIA's way: the class of the preconditioner as
    /// `precond`, its constructor arguments as `init_kwargs`, and its numbers (sigma_min, sigma_data, beta_d, ...)
    /// under their own names; nil if `value` is no such object.
    func configuration(of value: PickleValue) throws -> JSONValue? {
        guard let module = module(value), module.isPersistent else { return nil }
        let given = try self.value("_init_kwargs", in: module.state).flatMap { try json($0) }
        var arguments = given?.members ?? []
        var numbers: [JSONValue.Member] = []
        for entry in entries(module.state) ?? [] {
            guard let name = string(entry.key), !name.hasPrefix("_"), name != "training" else { continue }
            if Self.sizes.contains(name) {
                if arguments.contains(where: { $0.name == name }) { continue }
                if let size = try json(entry.value) { arguments.append(.init(name, size)) }
            } else if !numbers.contains(where: { $0.name == name }), let number = try json(entry.value),
                number.double != nil || number.string != nil
            {
                numbers.append(.init(name, number))
            }
        }
        arguments.sort { $0.name < $1.name }
        numbers.sort { $0.name < $1.name }
        return .object(
            [.init("precond", .string(module.className)), .init("init_kwargs", .object(arguments))]
                + numbers.filter { $0.name != "precond" && $0.name != "init_kwargs" })
    }

    /// The attributes that are constructor arguments too and may have been given by position.
    private static let sizes: Set = ["img_resolution", "img_channels", "label_dim", "use_fp16"]
}
