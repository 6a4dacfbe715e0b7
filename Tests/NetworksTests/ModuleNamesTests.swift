import Diagnostics
import Formats
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct ModuleNamesTests {
    private func requireBothWays(_ names: [String], _ modules: ModuleNames) throws {
        let others = try names.map { try #require(modules.diffusers($0), "no rule for \($0)") }
        #expect(Set(others).count == names.count)
        for (name, other) in zip(names, others) { #expect(modules.compVis(other) == name) }
    }

    /// All tensors that the networks of the released models ask for.
    @Test(arguments: LatentUNetSizeTests.released) func namesOfUNets(_ network: LatentUNetSizeTests.Released) throws {
        let unet = try network.unet()
        try requireBothWays(unet.tensors.map(\.name), .unet(unet.configuration))
    }

    @Test(arguments: [nil, 8192]) func namesOfDecoders(codes: Int?) throws {
        var architecture = AutoencoderArchitecture(
            latentChannels: 4, inputChannels: 4, imageChannels: 3, levelChannels: [128, 256, 512], blocks: 3,
            codes: codes)
        architecture.attentionLevels = [2]
        let decoder = try LatentDecoder(
            weights: nil, prefix: "", architecture: architecture, scaleFactor: 1, height: 8, width: 8,
            pool: ThreadPool(threads: 1))
        try requireBothWays(decoder.tensors.map(\.name), .autoencoder(levels: 3, blocks: 2))
    }

    @Test func someNames() {
        let vae = ModuleNames.autoencoder(levels: 4, blocks: 2)
        #expect(
            vae.diffusers("decoder.up.3.block.2.nin_shortcut.bias")
                == "decoder.up_blocks.0.resnets.2.conv_shortcut.bias")
        #expect(vae.compVis("encoder.mid_block.attentions.0.to_out.0.weight") == "encoder.mid.attn_1.proj_out.weight")
        // As diffusers named attention until version 0.17.
        #expect(vae.compVis("decoder.mid_block.attentions.0.query.weight") == "decoder.mid.attn_1.q.weight")
        #expect(vae.compVis("decoder.mid_block.attentions.0.proj_attn.bias") == "decoder.mid.attn_1.proj_out.bias")
        #expect(vae.compVis("lora_unet.down.weight") == nil && vae.diffusers("decoder") == nil)
    }
}

/// The tables of all names and shapes of the released models, against what the networks here ask for. They are tested
/// if the collection is there.
@Suite(.enabled(if: Fixtures.shared("latent/names.json") != nil)) struct ReleasedNamesTests {
    private struct Row {
        /// The name in the single file, without the prefix of its network.
        let own: String
        /// The name in the folder of diffusers; nil if there is no such folder.
        let other: String?
        let shape: [Int]
        /// The shape in the folder.
        let otherShape: [Int]
    }

    private let tables: JSONValue

    init() throws { tables = try JSONValue(file: #require(Fixtures.shared("latent/names.json"))) }

    private func rows(_ table: String, behind prefix: String) throws -> [Row] {
        try #require(tables[table]?.elements).map { entry in
            let row = try #require(entry.elements), name = try #require(row[0].string)
            let shape = try #require(row[2].integers)
            #expect(name.hasPrefix(prefix))
            return Row(
                own: String(name.dropFirst(prefix.count)), other: row[1].string, shape: shape,
                otherShape: row.count > 3 ? try #require(row[3].integers) : shape)
        }
    }

    /// Returns shapes by names. A matrix may be the kernel of a 1x1 convolution in another file.
    private func shapes(_ tensors: [(name: String, shape: [Int])]) -> [String: [Int]] {
        Dictionary(
            uniqueKeysWithValues: tensors.map { ($0.name, Array($0.shape.reversed().drop { $0 == 1 }.reversed())) })
    }

    private func requireBothWays(_ rows: [Row], _ modules: ModuleNames) throws {
        for row in rows {
            let other = try #require(modules.diffusers(row.own), "no rule for \(row.own)")
            #expect(row.other == nil || row.other == other)
            #expect(modules.compVis(other) == row.own)
        }
        #expect(Set(rows.map { modules.diffusers($0.own) }).count == rows.count)
        #expect(shapes(rows.map { ($0.own, $0.shape) }) == shapes(rows.map { ($0.own, $0.otherShape) }))
    }

    @Test(arguments: zip(["sd_unet", "lsun_unet", "imagenet_unet"], LatentUNetSizeTests.released))
    func unets(table: String, network: LatentUNetSizeTests.Released) throws {
        let rows = try rows(table, behind: "model.diffusion_model.")
        let unet = try network.unet()
        #expect(shapes(unet.tensors) == shapes(rows.map { ($0.own, $0.shape) }))
        try requireBothWays(rows, .unet(unet.configuration))
    }

    /// Stable Diffusion 2 has the names of the first, and other shapes where the table says so.
    @Test func stableDiffusion2() throws {
        let unet = try LatentUNetSizeTests.Released(
            name: "Stable Diffusion 2",
            arguments: #""in_channels": 4, "out_channels": 4, "model_channels": 320, "channel_mult": [1, 2, 4, 4], "#
                + #""attention_resolutions": [4, 2, 1], "num_head_channels": 64, "use_spatial_transformer": true, "#
                + #""context_dim": 1024"#,
            tensors: 686, parameters: 0
        ).unet()
        let changed = try #require(tables["sd2_unet_shapes"]?.members)
        var expected = shapes(
            try rows("sd_unet", behind: "model.diffusion_model.").map { ($0.own, $0.shape) })
        let modules = ModuleNames.unet(unet.configuration)
        for member in changed {
            let name = try #require(modules.compVis(member.name))
            #expect(expected[name] != nil)
            let shape: [Int] = try #require(member.value.integers)
            expected[name] = shape
        }
        #expect(shapes(unet.tensors) == expected && changed.count == 64)
    }

    @Test(arguments: [("sd_vae", nil), ("vq_f4", 8192)] as [(String, Int?)])
    func autoencoders(table: String, codes: Int?) throws {
        let rows = try rows(table, behind: "first_stage_model.")
        let architecture = AutoencoderArchitecture(
            latentChannels: codes == nil ? 4 : 3, inputChannels: codes == nil ? 4 : 3, imageChannels: 3,
            levelChannels: codes == nil ? [128, 256, 512, 512] : [128, 256, 512], blocks: 3, codes: codes)
        let decoder = try LatentDecoder(
            weights: nil, prefix: "", architecture: architecture, scaleFactor: 1, height: 8, width: 8,
            pool: ThreadPool(threads: 1))
        let decoderRows = rows.filter { !$0.own.hasPrefix("encoder.") && !$0.own.hasPrefix("quant_conv.") }
        #expect(shapes(decoder.tensors) == shapes(decoderRows.map { ($0.own, $0.shape) }))
        try requireBothWays(rows, .autoencoder(levels: architecture.levelChannels.count, blocks: 2))
    }

    /// The encoder is found behind each prefix, and needs every tensor of the table.
    @Test(arguments: ["cond_stage_model.transformer.text_model.", "cond_stage_model.transformer.", "text_model.", ""])
    func textEncoder(prefix: String) throws {
        let rows = try rows("sd_text", behind: "cond_stage_model.transformer.text_model.")
        #expect(rows.allSatisfy { $0.other == "text_model." + $0.own && $0.shape == $0.otherShape })
        let tensors = rows.map { (name: prefix + $0.own, shape: $0.shape) }
        func open(_ tensors: [(name: String, shape: [Int])]) throws -> TextEncoder? {
            let weights = RandomWeights(tensors: tensors)
            return try TextEncoderArchitecture(weights: weights).map {
                try TextEncoder(weights: weights, architecture: $0, pool: ThreadPool(threads: 1))
            }
        }
        let encoder = try #require(try open(tensors))
        #expect(encoder.architecture.prefix == prefix && encoder.architecture.layers == 12)
        #expect(encoder.contextShape == [77, 768] && encoder.vocabularyCount == 49_408)
        for index in tensors.indices {
            let isOpened = (try? open(Array(tensors[..<index] + tensors[(index + 1)...]))) != nil
            #expect(!isOpened, "\(tensors[index].name) is not needed")
        }
    }
}
