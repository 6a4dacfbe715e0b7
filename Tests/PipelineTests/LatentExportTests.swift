import Foundation
import TestSupport
import Testing

/// Lists that ld3-fit exports for digits64 give the same latents in diffusers as in ld3-sample
/// (docs/tutorials/comfyui-diffusers.md).
@Suite(
    .enabled(
        if: Python.imports("torch, numpy, diffusers, transformers, safetensors"),
        "python3 with torch, numpy, diffusers, transformers and safetensors is not there ($PYTHON names another)"))
struct LatentExportTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(Self.sampling.utf8, to: "sample.py")
    }

    /// Prints the largest difference between latents of a stream and those of diffusers' own networks and scheduler.
    private static let sampling = """
        import json, sys
        import numpy, torch
        from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler, UNet2DConditionModel
        from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
        from safetensors.torch import load_file
        from transformers import CLIPTextConfig, CLIPTextModel
        sys.path.insert(0, sys.argv[1])
        from ld3_stream import frames

        _, _, model, name, values, noise, samples = sys.argv
        weights = {key: tensor.float() for key, tensor in load_file(model).items() if tensor.is_floating_point()}
        unet = UNet2DConditionModel(
            sample_size=8, block_out_channels=(32, 64, 64), layers_per_block=1, norm_num_groups=8,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=32, attention_head_dim=4)
        unet.load_state_dict(convert_ldm_unet_checkpoint(weights, unet.config))
        text = CLIPTextModel(CLIPTextConfig(
            hidden_size=32, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
            hidden_act="quick_gelu"))
        prefix = "cond_stage_model.transformer.text_model."
        text.load_state_dict({key: weights[prefix + key.removeprefix("text_model.")] for key in text.state_dict()})
        prompt = [49406, 320, 736, 5757, 525, 320, 1746, 5994]      # a red seven on a blue background
        ids = torch.tensor([start + [49407] * (77 - len(start)) for start in ([49406], prompt)])
        values = json.load(open(values))
        table = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading")
        if name == "sigmas":
            scheduler = EulerDiscreteScheduler(**table)
            scheduler.set_timesteps(sigmas=values)
        else:
            scheduler = DPMSolverMultistepScheduler(solver_order=2, final_sigmas_type="sigma_min", **table)
            scheduler.set_timesteps(timesteps=values)
        def read(path, tensor):
            with open(path, "rb") as file:
                return torch.from_numpy(numpy.concatenate([frame[tensor].numpy() for frame in frames(file)]).copy())
        x = read(noise, "noise") * scheduler.init_noise_sigma
        with torch.no_grad():
            without, given = text(ids).last_hidden_state.chunk(2)
            context = torch.cat([without.expand(len(x), -1, -1), given.expand(len(x), -1, -1)])
            for t in scheduler.timesteps:
                scaled = scheduler.scale_model_input(x, t)
                without, given = unet(torch.cat([scaled, scaled]), t, context).sample.chunk(2)
                x = scheduler.step(without + 3 * (given - without), t, x, return_dict=False)[0]
        if name == "sigmas":
            x = x / (1 + values[-1] ** 2) ** 0.5
        print(abs(x - read(samples, "latent")).max().item())
        """

    /// Sigmas lead Euler's scheduler as they are; time steps, which are whole numbers, are read back.
    @Test(arguments: [("sigmas", "--terminal keep", "ddim"), ("timesteps", "", "dpm-solver++ --order 2")])
    func samples(quantity: String, option: String, solver: String) throws {
        let script = """
            set -e
            cd '\(folder.path)'
            ld3-noise -n 4 --prompt 'a red seven on a blue background' > noise.ld3
            ld3-teacher -q --guidance 3 --schedule uniform --nfe 10 < noise.ld3 |
                ld3-fit -q --solver \(solver) --nfe 6 --tied --rounds 1,0 --polish 0 > six.safetensors
            ld3-fit -q --schedule six.safetensors --export diffusers-\(quantity) \(option) > list.json
            ld3-sample -q --latents --guidance 3 --solver \(solver) --schedule \(quantity):list.json \\
                < noise.ld3 > samples.ld3
            '\(Python.command)' sample.py '\(Fixtures.root)/scripts' \\
                '\(Fixtures.root)/Sources/Shared/Models/Resources/digits64-sd.safetensors' \(quantity) list.json \\
                noise.ld3 samples.ld3
            """
        let result = try Programs.shell(script, environment: ["LD3_MODEL": "digits64"])
        #expect(result.status == 0, "\(result.errors)")
        let difference = try #require(Double(result.text.trimmingCharacters(in: .whitespacesAndNewlines)))
        // The largest numbers of these latents are 4 to 5.
        #expect(difference < 5e-4, "\(quantity)")
    }
}
