import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Threads that share the numbered items of one loop at a time.
///
/// Threads take items one by one from an atomic counter, so a thread that the system has suspended delays only the item
/// that it holds. Chance decides which thread computes an item. Items must write disjoint memory; then results cannot
/// depend on the number of threads. A loop inside a loop, or a loop started while another thread owns the pool, runs on
/// the calling thread alone.
package final class ThreadPool: Sendable {
    /// Threads that work on a loop, including the caller.
    package let threads: Int
    private let shared: Shared

    /// - Parameter threads: at least 1; nil means as many as the machine has processors.
    package init(threads: Int? = nil) {
        self.threads = max(1, threads ?? ProcessInfo.processInfo.activeProcessorCount)
        let shared = Shared()
        self.shared = shared
        for slot in 1..<max(self.threads, 1) {
            let worker = Thread { shared.work(slot) }
            worker.stackSize = 1 << 22
            worker.start()
        }
    }

    deinit { shared.stop() }

    /// Calls `body` once for each item of 0..<count, and returns when all calls have returned. `slot`, in 0..<threads,
    /// is the thread's own number: two calls that run at the same time have different slots.
    package func parallelFor(_ count: Int, _ body: (_ item: Int, _ slot: Int) -> Void) {
        guard threads > 1, count > 1,
            shared.owned.compareExchange(
                expected: false, desired: true, ordering: .acquiring
            ).exchanged
        else {
            for index in 0..<count { body(index, 0) }
            return
        }
        withoutActuallyEscaping(body) { shared.run(count, $0) }
        shared.owned.store(false, ordering: .releasing)
    }
}

/// The state that the threads of a pool share.
///
/// `ticket` packs the loop's number (24 bits), its item count (20) and the next item (20) into one word. So a thread
/// claims an item by one compare-and-exchange, and a late thread can never claim an item of a loop that has ended.
private final class Shared: @unchecked Sendable {
    let owned = Atomic<Bool>(false)
    private let ticket = Atomic<UInt64>(0)
    private let unfinished = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private let condition = NSCondition()
    /// The loop's body. It is written before its ticket is published, and only threads that hold an item read it.
    private var body: (Int, Int) -> Void = { _, _ in }

    private static let limit = 1 << 20
    /// The number of times that a thread looks at the ticket before it sleeps; they take some tens of microseconds.
    private static let patience = 400

    func run(_ count: Int, _ body: @escaping (Int, Int) -> Void) {
        var start = 0
        while start < count {
            let part = min(count - start, Self.limit - 1)
            let offset = start
            publish(part, offset == 0 ? body : { body(offset + $0, $1) })
            start += part
        }
        self.body = { _, _ in }
    }

    private func publish(_ count: Int, _ body: @escaping (Int, Int) -> Void) {
        self.body = body
        unfinished.store(count, ordering: .relaxed)
        let loop = (ticket.load(ordering: .relaxed) >> 40) &+ 1
        ticket.store(loop << 40 | UInt64(count) << 20, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            condition.lock()
            condition.broadcast()
            condition.unlock()
        }
        while claimAndRun(0) {}
        var looks = 0
        while unfinished.load(ordering: .acquiring) > 0 {
            looks += 1
            if looks % 64 == 0 { sched_yield() }
        }
    }

    /// Runs one item of the current loop. Returns false if no item is left.
    private func claimAndRun(_ slot: Int) -> Bool {
        var current = ticket.load(ordering: .acquiring)
        while hasItem(current) {
            let (exchanged, original) = ticket.weakCompareExchange(
                expected: current, desired: current + 1, ordering: .acquiringAndReleasing)
            if exchanged {
                body(Int(current & 0xFFFFF), slot)
                unfinished.subtract(1, ordering: .releasing)
                return true
            }
            current = original
        }
        return false
    }

    private func hasItem(_ ticket: UInt64) -> Bool { ticket & 0xFFFFF < (ticket >> 20) & 0xFFFFF }

    func work(_ slot: Int) {
        var looks = 0
        while !stopping.load(ordering: .relaxed) {
            if claimAndRun(slot) {
                looks = 0
                continue
            }
            looks += 1
            if looks < Self.patience {
                sched_yield()
            } else {
                sleep()
                looks = 0
            }
        }
    }

    private func sleep() {
        condition.lock()
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while !hasItem(ticket.load(ordering: .sequentiallyConsistent)), !stopping.load(ordering: .relaxed) {
            condition.wait()
        }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        condition.unlock()
    }

    func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }
}
