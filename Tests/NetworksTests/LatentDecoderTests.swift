import Diagnostics
import Formats
import Networks
import Tensors
import TestSupport
import Testing

/// Decoders of latent diffusion against values and cotangents of CompVis' classes in double precision.
@Suite struct LatentDecoderTests {
    private func check(
        _ decoder: LatentDecoder, _ fixture: LatentFixture, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let linear = try decoder.linearize(try fixture.tensor("z"))
        let pulled = try linear.pullback(try fixture.tensor("v_image"))
        #expect(linear.images == (try decoder.decode(try fixture.tensor("z"))))
        for (values, name) in [(linear.images, "decoded"), (pulled, "decoded_vjp_z")] {
            let error = relativeError(doubles(values), try fixture.numbers(name))
            #expect(error < 1e-5, "\(name): \(error)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: [false, true]) func stableDiffusion(pullsOneByOne: Bool) throws {
        let sd = try LatentFixture("sd")
        let decoder = try sd.decoder(height: 5, width: 5, pullsOneByOne: pullsOneByOne)
        #expect(decoder.architecture.codes == nil && decoder.imageShape == [3, 40, 40])
        try check(decoder, sd)
    }

    /// Maps that are computed again, latent by latent, give the bits of those that were kept.
    @Test func pullbackOfLatentsOneByOneChangesNoBits() throws {
        let sd = try LatentFixture("sd")
        let z = try sd.tensor("z").samples(0..<2), v = try sd.tensor("v_image").samples(0..<2)
        let results = try [false, true].map { pullsOneByOne in
            let decoder = try sd.decoder(height: 5, width: 5, pullsOneByOne: pullsOneByOne)
            let linear = try decoder.linearize(z)
            #expect(throws: Failure.self) { try linear.pullback(v.samples(0..<1)) }
            return [linear.images, try linear.pullback(v), try linear.pullback(v)]
        }
        #expect(results[0] == results[1])
    }

    @Test func latentsThatAreNotSquare() throws {
        let sd = try LatentFixture("sd")
        let decoder = try sd.decoder(height: 4, width: 7)
        let error = relativeError(
            doubles(try decoder.decode(try sd.tensor("wide_z"))), try sd.numbers("wide_decoded"))
        #expect(error < 1e-5)
    }

    /// Latents are quantized first; the pullback treats this as the identity.
    @Test func quantized() throws {
        let fixture = try LatentFixture("lsun")
        let decoder = try fixture.decoder(height: 8, width: 8, scaleFactor: 1)
        #expect(decoder.architecture.codes == 64 && decoder.imageShape == [3, 32, 32])
        try check(decoder, fixture)
        // A codebook vector is its own nearest code.
        let codes = try fixture.weights.floats("first_stage_model.quantize.embedding.weight")
        let places = try fixture.recorded.tensor("codes").int64s().map { Int($0) }
        let z = try fixture.tensor("z")
        var quantized = z
        for index in 0..<z.count {
            let (image, channel, pixel) = (index / 192, index / 64 % 3, index % 64)
            quantized[index] = codes[places[image * 64 + pixel] * 3 + channel]
        }
        let (ours, exact) = (try decoder.linearize(z), try decoder.linearize(quantized))
        let v = try fixture.tensor("v_image")
        #expect(ours.images == exact.images)
        #expect(try ours.pullback(v) == exact.pullback(v))
    }

    @Test func sizesOfTheReleasedDecoders() throws {
        func parameters(_ architecture: AutoencoderArchitecture) throws -> Int {
            let decoder = try LatentDecoder(
                weights: nil, prefix: "", architecture: architecture, scaleFactor: 1, height: 8, width: 8,
                pool: ThreadPool(threads: 1))
            let found = try AutoencoderArchitecture(weights: RandomWeights(tensors: decoder.tensors), prefix: "")
            #expect(found == architecture)
            return decoder.tensors.filter { !$0.name.hasPrefix("quantize.") }
                .reduce(0) { $0 + $1.shape.reduce(1, *) }
        }
        let kl = AutoencoderArchitecture(
            latentChannels: 4, inputChannels: 4, imageChannels: 3, levelChannels: [128, 256, 512, 512], blocks: 3)
        let vq = AutoencoderArchitecture(
            latentChannels: 3, inputChannels: 3, imageChannels: 3, levelChannels: [128, 256, 512], blocks: 3,
            codes: 8192)
        #expect(try parameters(kl) == 49_490_199)
        #expect(try parameters(vq) == 32_960_783)
        #expect(kl.factor == 8 && vq.factor == 4)
    }

    @Test func aFileWithoutDecoder() throws {
        let weights = try SafetensorsFile(path: Fixtures.path("latent/openai.hf.safetensors"))
        #expect(AutoencoderArchitecture.prefix(in: weights) == nil)
        #expect(throws: Failure.self) { try AutoencoderArchitecture(weights: weights, prefix: "") }
    }
}
