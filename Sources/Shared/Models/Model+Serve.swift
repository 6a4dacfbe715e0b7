import Foreign

extension Model {
    /// The model as another program asks it (docs/STREAM.md, "Foreign denoisers").
    package var server: DenoiseServer {
        DenoiseServer(
            denoiser,
            introduction: ModelFrame(
                process: process.spelling, sampleShape: sampleShape, hasPullback: denoiser.hasPullback,
                labelCount: labelCount,
                conditionShapes: conditionInputs.required.isEmpty ? nil : conditionInputs.required, isLatent: isLatent,
                readsPrompts: conditionInputs.takesPrompts, guidance: guidance)
        ) { [conditionInputs] in try conditionInputs.select($0) }
    }
}
