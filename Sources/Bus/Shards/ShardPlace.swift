import Runtime
import Foundation
import Logging
import Synchronization
import Wire

/// The part of the symbols that this process has, once it has one, and as long as it lives.
///
/// Where the parts are claimed, `take` waits as a hot standby while other processes have them all: the kernel frees a
/// dead process's lock, and the first to look has its part. All threads of the process get the same answer.
package final class ShardPlace: Sendable {
    /// How often a standby looks whether a part has become free.
    static let pollSeconds = 0.1

    private final class Claim: Sendable {
        let shard: Shard
        private let lock: FileLock

        init(_ shard: Shard, _ lock: consuming FileLock) {
            self.shard = shard
            self.lock = lock
        }
    }

    private let choice: ShardChoice
    /// What the parts are of: each kind of process has its own locks.
    private let kind: String
    private let runtime: ServiceRuntime
    private let claim = Mutex<Claim?>(nil)

    package init(_ choice: ShardChoice, of kind: String, _ runtime: ServiceRuntime) {
        self.choice = choice
        self.kind = kind
        self.runtime = runtime
    }

    /// This process's part; `nil` when told to stop before it had one. Beats for `part` while it waits, and is ready: a
    /// standby does what it is there for.
    ///
    /// - Throws: `LeaseError` where the directory cannot be used.
    package func take(part: String, until stop: StopSignal) throws -> Shard? {
        let (count, preferred, path): (Int, Int?, String)
        switch choice {
        case .all: return Shard(slot: 0, count: 1)
        case .fixed(let shard): return shard
        case .claimed(let slots, let slot, let directory): (count, preferred, path) = (slots, slot, directory)
        }
        let directory = try LeaseDirectory(path)
        var hasSaid = false
        while !stop.isRequested {
            if let shard = try attempt(count, preferred, directory) { return shard }
            if !hasSaid {
                runtime.logger.notice(
                    "all parts of the symbols are taken; standing by", metadata: ["parts": "\(count)"])
                hasSaid = true
            }
            let wanted = preferred.map { "part \($0 + 1)" } ?? "any part"
            runtime.health.beat(part, isReady: true, detail: "standing by for \(wanted) of \(count)")
            Thread.sleep(forTimeInterval: Self.pollSeconds)
        }
        return nil
    }

    /// The part that this process already has, or one that is free.
    private func attempt(_ count: Int, _ preferred: Int?, _ directory: LeaseDirectory) throws -> Shard? {
        try claim.withLock { claim in
            if let claim { return claim.shard }
            for slot in preferred.map({ $0...$0 }) ?? 0...(count - 1) {
                guard let shard = Shard(slot: slot, count: count),
                    let lock = try FileLock.take(directory.shardLock(kind, slot))
                else { continue }
                lock.write("\(getpid())\n")
                claim = Claim(shard, lock)
                runtime.logger.notice(
                    "part of the symbols claimed", metadata: ["part": "\(slot + 1)", "of": "\(count)"])
                return shard
            }
            return nil
        }
    }
}
