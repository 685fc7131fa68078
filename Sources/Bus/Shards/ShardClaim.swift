import Runtime
import Foundation
import Logging
import Synchronization
import Wire

/// The shard that this process serves as long as it lives.
///
/// With claimed shards, `take` waits as a hot standby while other processes serve all of them: the kernel frees a dead
/// process's lock, and the first standby to check takes over its shard. All threads of the process get the same answer.
package final class ShardClaim: Sendable {
    /// How often a standby checks for a free shard.
    static let pollSeconds = 0.1

    private final class Lease: Sendable {
        let shard: Shard
        private let lock: FileLock

        init(_ shard: Shard, _ lock: consuming FileLock) {
            self.shard = shard
            self.lock = lock
        }
    }

    private let choice: ShardChoice
    /// The kind of process: each has locks of its own.
    private let kind: String
    private let runtime: ServiceRuntime
    private let lease = Mutex<Lease?>(nil)

    package init(_ choice: ShardChoice, of kind: String, _ runtime: ServiceRuntime) {
        self.choice = choice
        self.kind = kind
        self.runtime = runtime
    }

    /// This process's shard; `nil` if stopped before it got one. While it waits, it reports `part` as ready on the
    /// health page: a standby is doing its job.
    ///
    /// - Throws: `LeaseError` where the directory cannot be used.
    package func take(part: String, until stop: StopSignal) throws -> Shard? {
        let (count, preferred, path): (Int, Int?, String)
        switch choice {
        case .all: return Shard(index: 0, count: 1)
        case .fixed(let shard): return shard
        case .claimed(let shards, let index, let directory): (count, preferred, path) = (shards, index, directory)
        }
        let directory = try LeaseDirectory(path)
        var hasSaid = false
        while !stop.isRequested {
            if let shard = try attempt(count, preferred, directory) { return shard }
            if !hasSaid {
                runtime.logger.notice(
                    "all shards are taken; standing by", metadata: ["shards": "\(count)"])
                hasSaid = true
            }
            let wanted = preferred.map { "shard \($0 + 1)" } ?? "any shard"
            runtime.health.beat(part, isReady: true, detail: "standing by for \(wanted) of \(count)")
            Thread.sleep(forTimeInterval: Self.pollSeconds)
        }
        return nil
    }

    /// The shard that this process already has, or a free one.
    private func attempt(_ count: Int, _ preferred: Int?, _ directory: LeaseDirectory) throws -> Shard? {
        try lease.withLock { lease in
            if let lease { return lease.shard }
            for index in preferred.map({ $0...$0 }) ?? 0...(count - 1) {
                guard let shard = Shard(index: index, count: count),
                    let lock = try FileLock.take(directory.shardLock(kind, index))
                else { continue }
                lock.write("\(getpid())\n")
                lease = Lease(shard, lock)
                runtime.logger.notice(
                    "shard claimed", metadata: ["shard": "\(index + 1)", "of": "\(count)"])
                return shard
            }
            return nil
        }
    }
}
