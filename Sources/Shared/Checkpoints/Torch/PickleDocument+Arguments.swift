import Formats

extension PickleDocument {
    /// The arguments that a training script keeps beside its weights: the `argparse.Namespace` under `args` in a dictionary
    /// at the top; nil if there is none. Infinity is the text "inf".
    func trainingArguments() throws -> JSONValue? {
        guard let value = value("args", in: root), call(value)?.global == PickleGlobal("argparse", "Namespace"),
            let state = object(value)?.state, let document = try json(state), document.members != nil
        else { return nil }
        return document
    }
}
