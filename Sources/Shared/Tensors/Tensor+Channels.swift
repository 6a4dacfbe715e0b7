// Networks with branches return several maps, which are one map with their channels side by side.

extension Tensor {
    /// Returns [B, C1 + C2, ...] from [B, C1, ...] and [B, C2, ...].
    package static func joiningChannels(_ parts: [Tensor]) -> Tensor {
        guard parts.count > 1, let first = parts.first else { return parts.first ?? Tensor(shape: [0]) }
        precondition(parts.allSatisfy { $0.batch == first.batch && $0.shape.dropFirst(2) == first.shape.dropFirst(2) })
        let channels = parts.reduce(0) { $0 + $1.shape[1] }
        var joined = Tensor(shape: [first.batch, channels] + first.shape.dropFirst(2))
        let size = joined.sampleCount
        joined.withMutableElements { target in
            var offset = 0
            for part in parts {
                part.withElements { source in
                    for sample in 0..<part.batch {
                        let start = sample * part.sampleCount
                        for index in 0..<part.sampleCount {
                            target[sample * size + offset + index] = source[start + index]
                        }
                    }
                }
                offset += part.sampleCount
            }
        }
        return joined
    }

    /// Returns parts with the given numbers of channels; undoes `joiningChannels`.
    package func splittingChannels(_ counts: [Int]) -> [Tensor] {
        guard counts.count > 1 else { return [self] }
        precondition(counts.reduce(0, +) == shape[1])
        let pixels = shape.dropFirst(2).reduce(1, *)
        var offset = 0
        return counts.map { count in
            defer { offset += count * pixels }
            return Tensor(shape: [batch, count] + shape.dropFirst(2)) { target in
                withElements { source in
                    for sample in 0..<batch {
                        for index in 0..<count * pixels {
                            target[sample * count * pixels + index] = source[sample * sampleCount + offset + index]
                        }
                    }
                }
            }
        }
    }

    /// Returns `transform` of each element of [B, C, ...] and the number of its channel.
    @specialized(where Element == Float)
    package func mapChannels(_ transform: (Element, _ channel: Int) -> Element) -> Tensor {
        let (channels, pixels) = (shape[1], shape.dropFirst(2).reduce(1, *))
        return Tensor(shape: shape) { target in
            withElements { source in
                for index in target.indices { target[index] = transform(source[index], index / pixels % channels) }
            }
        }
    }

    /// Returns [B, C, T, 1], a map whose pixels are tokens, from a sequence of tokens [B, T, C].
    package var tokensAsPixels: Tensor {
        transposedSamples(rows: shape[1], columns: shape[2]).reshaped([batch, shape[2], shape[1], 1])
    }

    /// Returns the tokens [B, T, C] of a map [B, C, T, 1]; undoes `tokensAsPixels`.
    package var pixelsAsTokens: Tensor {
        transposedSamples(rows: shape[1], columns: shape[2]).reshaped([batch, shape[2], shape[1]])
    }

    @specialized(where Element == Float)
    private func transposedSamples(rows: Int, columns: Int) -> Tensor {
        let size = rows * columns
        precondition(sampleCount == size)
        return Tensor(shape: shape) { target in
            withElements { source in
                for index in target.indices {
                    let place = index % size
                    target[index] = source[index - place + place % rows * columns + place / rows]
                }
            }
        }
    }
}
