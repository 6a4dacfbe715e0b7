import COpenBLAS

enum OpenBLAS {
    private static let threads: Void = openblas_set_num_threads(1)

    /// Makes OpenBLAS use one thread, whatever the machine and the environment say: the digits of its results depend on
    /// the number of threads. Every function that calls it calls this first.
    static func useOneThread() { threads }
}
