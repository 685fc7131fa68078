public import ArgumentParser
import Wire

/// Which part of the symbols a process takes.
public enum ShardChoice: Sendable, Equatable {
    /// All of them.
    case all
    /// This part, whoever else takes it.
    case fixed(Shard)
    /// One of `count` parts, which no other process of the lease directory has: the preferred one (a slot from 0), else
    /// the first that is free.
    case claimed(count: Int, preferred: Int?, directory: String)
}

/// `--shard-slot`, `--shard-count` and `--shard-lease-dir`: which part of the symbols a process takes.
public struct ShardOptions: ParsableArguments {
    @Option(
        help:
            "Which of --shard-count parts of the symbols to take: a number from 1, or a pod's name that ends in -0, -1, …"
    )
    var shardSlot: String?
    @Option(help: "How many processes share the symbols, 1 to 1024; all of them have to say the same (default: 1).")
    var shardCount: String?
    @Option(
        help:
            "Directory that the processes of a host share: each takes a part that no other has, and stands by while all are taken."
    )
    var shardLeaseDir: String?

    public init() {}

    func decode(_ settings: inout Settings) throws(ConfigurationError) -> ShardChoice {
        let count = try settings.integer("shardCount", shardCount, default: 1, in: 1...Shard.countLimit)
        let directory = try settings.optionalString("shardLeaseDir", shardLeaseDir)
        guard let slot = try settings.optionalString("shardSlot", shardSlot) else {
            if let directory { return .claimed(count: count, preferred: nil, directory: directory) }
            guard count == 1 else {
                throw ConfigurationError(setting: "--shard-count", problem: "needs --shard-slot or --shard-lease-dir")
            }
            return .all
        }
        guard let place = SymbolChoice.poolIndex(ofOrdinal: slot) else {
            throw ConfigurationError(
                setting: "--shard-slot",
                problem: "'\(slot)' is neither a number from 1 nor a name that ends in -0, -1, …")
        }
        guard let shard = Shard(slot: place, count: count) else {
            throw ConfigurationError(setting: "--shard-slot", problem: "'\(slot)' is beyond --shard-count \(count)")
        }
        guard let directory else { return .fixed(shard) }
        return .claimed(count: count, preferred: place, directory: directory)
    }
}
