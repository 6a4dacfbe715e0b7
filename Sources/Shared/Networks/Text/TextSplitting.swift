import Foundation

/// Cleans and splits text as CLIP's tokenizer does (Radford et al. 2021, in the form of transformers' tokenizer).
enum TextSplitting {
    /// Returns the text in canonical composition, every run of white space as one space, in lower case.
    ///
    /// Each scalar has its own lower case, so a capital sigma at the end of a word becomes an ordinary small one.
    static func clean(_ text: Substring) -> String {
        var result = String.UnicodeScalarView()
        var endsInSpace = false
        for scalar in String(text).precomposedStringWithCanonicalMapping.unicodeScalars {
            let isSpace = scalar.properties.isWhitespace
            if !isSpace {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            } else if !endsInSpace {
                result.append(" ")
            }
            endsInSpace = isSpace
        }
        return String(result)
    }

    /// Returns the words of clean text: English contractions such as 's, runs of letters, single digits, and runs of
    /// anything else but spaces.
    static func words(_ text: String) -> [Substring.UnicodeScalarView] {
        let scalars = text.unicodeScalars
        var words: [Substring.UnicodeScalarView] = []
        var start = scalars.startIndex
        while start < scalars.endIndex {
            let rest = scalars[start...]
            let kind = Kind(scalars[start])
            let end: String.UnicodeScalarView.Index
            if let contraction = contractions.first(where: { rest.starts(with: $0) }) {
                end = scalars.index(start, offsetBy: contraction.count)
            } else if kind == .number || kind == .space {
                end = scalars.index(after: start)
            } else {
                end = rest.firstIndex { Kind($0) != kind } ?? scalars.endIndex
            }
            if kind != .space { words.append(scalars[start..<end]) }
            start = end
        }
        return words
    }

    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }

    private enum Kind {
        case letter, number, space, other

        init(_ scalar: Unicode.Scalar) {
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
            case .decimalNumber, .letterNumber, .otherNumber: self = .number
            default: self = scalar.properties.isWhitespace ? .space : .other
            }
        }
    }
}
