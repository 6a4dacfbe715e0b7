import Diagnostics
import Formats
import Networks
import TestSupport
import Testing

/// The settings of diffusers' components.
@Suite struct DiffusersSettingsTests {
    private func unet(_ members: String) throws -> NetworkConfiguration {
        try NetworkConfiguration(diffusers: try JSONValue(parsing: "{\(members)}"))
    }

    /// Few keys, as the oldest folders of Stable Diffusion 1 have them.
    @Test func stableDiffusion1() throws {
        let network = try unet(#""cross_attention_dim": 768, "sample_size": 64, "center_input_sample": false"#)
        #expect(network.isLike(try LatentUNetSizeTests.released[0].unet().configuration))
    }

    @Test func headsOfEachLevel() throws {
        let wide = try unet(#""attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024"#)
        #expect(wide.guided.headChannels == 64 && wide.guided.contextWidth == 1024)
        #expect(try unet(#""num_attention_heads": 4, "attention_head_dim": 64"#).guided.heads == 4)
        #expect(throws: Failure.self) { try unet(#""attention_head_dim": [5, 10, 10, 20]"#) }
    }

    @Test(arguments: [
        (#""class_embed_type": "timestep""#, "class_embed_type"),
        (#""resnet_time_scale_shift": "scale_shift""#, "resnet_time_scale_shift"),
        (#""only_cross_attention": true"#, "only_cross_attention"),
        (#""time_cond_proj_dim": 256"#, "time_cond_proj_dim"),
        (#""norm_eps": 1e-6"#, "norm_eps"), (#""down_block_types": ["AttnDownBlock2D"]"#, "down_block_types"),
        (#""up_block_types": ["UpBlock2D"]"#, "up_block_types"), (#""a_new_setting": 3"#, "a_new_setting"),
        (#""in_channels": "four""#, "in_channels"), (#""addition_embed_type": "text_time""#, "addition_embed_type"),
        (#""block_out_channels": [320, 500]"#, "block_out_channels"),
    ])
    func settingsThatAreRefusedByName(members: String, key: String) throws {
        let failure = try #require(throws: Failure.self) { try unet(members) }
        #expect(failure.status == .data && failure.place == key)
    }

    @Test func autoencoders() throws {
        func settings(_ members: String) throws -> AutoencoderSettings {
            try AutoencoderSettings(try JSONValue(parsing: "{\(members)}"))
        }
        let oldest = try settings(#""block_out_channels": [128, 256, 512, 512], "layers_per_block": 2"#)
        #expect(oldest.scaleFactor == 0.18215 && oldest.groups == 32 && oldest.levels == 4 && oldest.blocks == 2)
        #expect(try settings(#""scaling_factor": 0.5, "shift_factor": null"#).scaleFactor == 0.5)
        // Diffusers' own settings of the encoder and of precision are passed over.
        #expect(try settings(#""force_upcast": true, "sample_size": 512, "in_channels": 3"#).groups == 32)
        for (key, refused) in [
            ("shift_factor", "0.1"), ("_class_name", #""AutoencoderTiny""#), ("scaling_factor", "0"),
            ("layers_per_block", "65"), ("a_new_setting", "1"), ("latents_mean", "[0.5]"),
        ] {
            let failure = try #require(throws: Failure.self) { try settings("\"\(key)\": \(refused)") }
            #expect(failure.status == .data && failure.place == key, "\(failure)")
        }
    }
}
