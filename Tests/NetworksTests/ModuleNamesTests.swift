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

    /// The tables of the released models, with all names of both.
    @Test(.enabled(if: Fixtures.shared("latent/names.json") != nil)) func tablesOfReleasedModels() throws {
        let path = try #require(Fixtures.shared("latent/names.json"))
        let tables = try JSONValue(file: path)
        let unet = try LatentUNetSizeTests.released[0].unet().configuration
        let networks: [(String, String, ModuleNames)] = [
            ("sd_unet", "model.diffusion_model.", .unet(unet)),
            ("sd_vae", "first_stage_model.", .autoencoder(levels: 4, blocks: 2)),
        ]
        for (table, prefix, modules) in networks {
            let rows = try #require(tables[table]?.elements)
            for row in rows {
                let (own, other) = (try #require(row.elements?[0].string), try #require(row.elements?[1].string))
                #expect(modules.diffusers(String(own.dropFirst(prefix.count))) == other)
                #expect(modules.compVis(other).map { prefix + $0 } == own)
            }
            #expect(rows.count > 200)
        }
    }
}
