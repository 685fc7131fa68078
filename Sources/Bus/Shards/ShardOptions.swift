import Runtime
import ArgumentParser
import Wire

/// The markets that a process takes.
package enum ShardChoice: Sendable, Equatable {
    /// All of them.
    case all
    /// This shard, even if others take it.
    case fixed(Shard)
    /// One of `count` shards that no other process of the lease directory serves: the preferred one (from 0), else the
    /// first free one.
    case claimed(count: Int, preferred: Int?, directory: String)
}

/// `--shard-slot`, `--shard-count` and `--shard-lease-dir`: the shard that a process serves.
package struct ShardOptions: ParsableArguments {
    @Option(
        help:
            "The shard of --shard-count to serve: a number from 1, or a pod's name that ends in -0, -1, …"
    )
    var shardSlot: String?
    @Option(help: "Number of shards, one a process, 1 to 1024; all of them have to say the same (default: 1).")
    var shardCount: String?
    @Option(
        help:
            "Directory that the processes of a host share: each takes a shard that no other serves, and stands by while all are taken."
    )
    var shardLeaseDir: String?

    package init() {}

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> ShardChoice {
        let count = try settings.integer("shardCount", shardCount, default: 1, in: 1...Shard.countLimit)
        let directory = try settings.optionalString("shardLeaseDir", shardLeaseDir)
        guard let slot = try settings.optionalString("shardSlot", shardSlot) else {
            if let directory { return .claimed(count: count, preferred: nil, directory: directory) }
            guard count == 1 else {
                throw ConfigurationError(setting: "--shard-count", problem: "needs --shard-slot or --shard-lease-dir")
            }
            return .all
        }
        guard let index = ReplicaOrdinal.index(slot) else {
            throw ConfigurationError(
                setting: "--shard-slot",
                problem: "'\(slot)' is neither a number from 1 nor a name that ends in -0, -1, …")
        }
        guard let shard = Shard(index: index, count: count) else {
            throw ConfigurationError(setting: "--shard-slot", problem: "'\(slot)' is beyond --shard-count \(count)")
        }
        guard let directory else { return .fixed(shard) }
        return .claimed(count: count, preferred: index, directory: directory)
    }
}
