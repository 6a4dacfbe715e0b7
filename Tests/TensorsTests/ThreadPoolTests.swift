import Foundation
import Synchronization
import Tensors
import Testing

@Suite struct ThreadPoolTests {
    /// Returns how often each item ran, and the slots. Expects calls that run at once to have different slots.
    private func count(_ pool: ThreadPool, items: Int, times: Int) -> (counts: [Int], slots: Set<Int>) {
        let state = Mutex((counts: [Int](repeating: 0, count: items), slots: Set<Int>(), busy: Set<Int>()))
        for _ in 0..<times {
            pool.parallelFor(items) { item, slot in
                state.withLock { state in
                    #expect(state.busy.insert(slot).inserted)
                    state.counts[item] += 1
                    state.slots.insert(slot)
                }
                _ = state.withLock { $0.busy.remove(slot) }
            }
        }
        return state.withLock { ($0.counts, $0.slots) }
    }

    @Test(arguments: [1, 2, 3, 8]) func everyItemRunsOnce(_ threads: Int) {
        let pool = ThreadPool(threads: threads)
        let (counts, slots) = count(pool, items: 100, times: 50)
        #expect(counts == [Int](repeating: 50, count: 100))
        #expect(slots.isSubset(of: Set(0..<threads)))
    }

    @Test func noItemsAndOneItem() {
        let pool = ThreadPool(threads: 2)
        #expect(count(pool, items: 0, times: 3).counts.isEmpty)
        #expect(count(pool, items: 1, times: 3).counts == [3])
    }

    @Test func loopsInsideLoopsRunWhole() {
        let pool = ThreadPool(threads: 3)
        let total = Atomic<Int>(0)
        pool.parallelFor(20) { _, _ in
            pool.parallelFor(30) { _, _ in total.add(1, ordering: .relaxed) }
        }
        let sum = total.load(ordering: .relaxed)
        #expect(sum == 600)
    }

    private final class Counter: Sendable {
        let total = Atomic<Int>(0)
    }

    @Test func loopsFromSeveralThreads() async {
        let pool = ThreadPool(threads: 2)
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { [counter, pool] in
                    for _ in 0..<20 { pool.parallelFor(25) { _, _ in counter.total.add(1, ordering: .relaxed) } }
                }
            }
        }
        let total = counter.total.load(ordering: .relaxed)
        #expect(total == 8 * 20 * 25)
    }

    @Test func sleepersWake() {
        let pool = ThreadPool(threads: 4)
        for _ in 0..<3 {
            Thread.sleep(forTimeInterval: 0.02)
            #expect(count(pool, items: 40, times: 1).counts == [Int](repeating: 1, count: 40))
        }
    }
}
