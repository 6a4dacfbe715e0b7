/// Names and shapes of torchvision's backbones, as far as LPIPS needs them.
package enum TrunkShapes {
    package static let vgg = layers([
        (0, 64, 3, 3), (2, 64, 64, 3), (5, 128, 64, 3), (7, 128, 128, 3), (10, 256, 128, 3), (12, 256, 256, 3),
        (14, 256, 256, 3), (17, 512, 256, 3), (19, 512, 512, 3), (21, 512, 512, 3), (24, 512, 512, 3),
        (26, 512, 512, 3), (28, 512, 512, 3),
    ])
    package static let alex = layers([
        (0, 64, 3, 11), (3, 192, 64, 5), (6, 384, 192, 3), (8, 256, 384, 3), (10, 256, 256, 3),
    ])
    package static let squeeze =
        layers([(0, 64, 3, 3)])
        + fires([
            (3, 64, 16, 64), (4, 128, 16, 64), (6, 128, 32, 128), (7, 256, 32, 128), (9, 256, 48, 192),
            (10, 384, 48, 192), (11, 384, 64, 256), (12, 512, 64, 256),
        ])

    private static func layers(_ list: [(index: Int, out: Int, from: Int, size: Int)]) -> [(name: String, shape: [Int])]
    {
        list.flatMap { layer("features.\($0.index)", $0.out, $0.from, $0.size) }
    }

    private static func fires(
        _ list: [(index: Int, from: Int, squeeze: Int, expand: Int)]
    ) -> [(name: String, shape: [Int])] {
        list.flatMap { fire in
            layer("features.\(fire.index).squeeze", fire.squeeze, fire.from, 1)
                + layer("features.\(fire.index).expand1x1", fire.expand, fire.squeeze, 1)
                + layer("features.\(fire.index).expand3x3", fire.expand, fire.squeeze, 3)
        }
    }

    private static func layer(_ name: String, _ out: Int, _ from: Int, _ size: Int) -> [(name: String, shape: [Int])] {
        [("\(name).weight", [out, from, size, size]), ("\(name).bias", [out])]
    }
}
