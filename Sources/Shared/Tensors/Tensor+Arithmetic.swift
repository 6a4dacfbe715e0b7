// The arithmetic of solvers and fits on whole tensors. Each function is compiled for Float and for Double, because its
// generic form would look up every operation for each element.

extension Tensor {
    /// Returns each element times `factor`, computed in Double and rounded once.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func scaled(by factor: Double) -> Tensor {
        Tensor(shape: shape) { target in
            withElements { source in
                for index in source.indices { target[index] = Element(factor * Double(source[index])) }
            }
        }
    }

    /// Returns each sample times its own factor, computed in Double and rounded once.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func scaled(bySample factors: [Double]) -> Tensor {
        precondition(factors.count == batch)
        let size = sampleCount
        return Tensor(shape: shape) { target in
            withElements { source in
                for (sample, factor) in factors.enumerated() {
                    for index in sample * size..<(sample + 1) * size {
                        target[index] = Element(factor * Double(source[index]))
                    }
                }
            }
        }
    }

    /// Returns each sample times its own factor plus its own offset, computed in Double and rounded once.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func scaled(bySample factors: [Double], plus offsets: [Double]) -> Tensor {
        precondition(factors.count == batch && offsets.count == batch)
        let size = sampleCount
        return Tensor(shape: shape) { target in
            withElements { source in
                for sample in factors.indices {
                    let (factor, offset) = (factors[sample], offsets[sample])
                    for index in sample * size..<(sample + 1) * size {
                        target[index] = Element(factor * Double(source[index]) + offset)
                    }
                }
            }
        }
    }

    /// Adds factor * other, computed in Element.
    @specialized(where Element == Float, Other == Float)
    @specialized(where Element == Double, Other == Float)
    @specialized(where Element == Double, Other == Double)
    package mutating func add<Other: TensorElement>(_ other: Tensor<Other>, times factor: Double) {
        precondition(other.shape == shape)
        let scale = Element(factor)
        withMutableElements { target in
            other.withElements { source in
                for index in target.indices { target[index] += scale * Element(source[index]) }
            }
        }
    }

    /// Returns the inner product over all elements, accumulated in Double in their order.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func dot(_ other: Tensor) -> Double {
        precondition(other.shape == shape)
        return withElements { left in
            other.withElements { right in
                var sum = 0.0
                for index in left.indices { sum += Double(left[index]) * Double(right[index]) }
                return sum
            }
        }
    }

    /// Returns the index of the first NaN or infinity, or nil.
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    package func firstNonFinite() -> Int? {
        withElements { elements in
            for index in elements.indices where !elements[index].isFinite { return index }
            return nil
        }
    }
}

/// Returns the sum of coefficient times tensor, accumulated in Double and rounded once. There must be a term.
@specialized(where Element == Float)
@specialized(where Element == Double)
package func weightedSum<Element: TensorElement>(_ terms: [(Double, Tensor<Element>)]) -> Tensor<Element> {
    precondition(!terms.isEmpty && terms.allSatisfy { $0.1.shape == terms[0].1.shape })
    let blockSize = 512
    return Tensor(shape: terms[0].1.shape) { target in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: blockSize) { sums in
            for start in stride(from: 0, to: target.count, by: blockSize) {
                let block = start..<min(start + blockSize, target.count)
                sums.initialize(repeating: 0)
                for (coefficient, tensor) in terms {
                    tensor.withElements { source in
                        for index in block { sums[index - start] += coefficient * Double(source[index]) }
                    }
                }
                for index in block { target[index] = Element(sums[index - start]) }
            }
        }
    }
}

/// Returns a left + b right, accumulated in Double and rounded once.
package func weightedSum<Element: TensorElement>(
    _ a: Double, _ left: Tensor<Element>, _ b: Double, _ right: Tensor<Element>
) -> Tensor<Element> {
    weightedSum([(a, left), (b, right)])
}
