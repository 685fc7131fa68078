import Bus
import Runtime
import Tape
import ArgumentParser
import ServiceLifecycle

/// `microlab record`: records the tick topics to tape, as a service.
package struct RecordCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Records the tick topics as a tape.",
        discussion: """
            Writes segments into a folder: a new one each UTC hour and after --segment-megabytes. What was received is on \
            the disk within a second; after `kill -9` everything up to the last block is readable. A full disk is logged \
            once, makes the process not ready, and is tried again each second; up to 64 MiB wait in memory, and beyond \
            that records are dropped and counted.

            Settings may also come from the environment (RECORDER_CONNECT, RECORDER_OUT, …) or from the section \
            "recorder" of --config.
            """,
        version: Version.current)
    package static let scope = "recorder"
    package static let defaultMetricsPort = 9107

    @OptionGroup package var common: CommonOptions
    @Option(help: "ZeroMQ endpoints of the ingest processes, comma-separated (default: tcp://127.0.0.1:5555).")
    var connect: String?
    @Option(help: "Symbols to take, comma-separated (default: all).") var symbols: String?
    @Option(help: "Folder for the segments (default: tape).") var out: String?
    @Option(help: "Size after which a new segment begins, in MiB, 1 to 1048576 (default: 1024).")
    var segmentMegabytes: String?
    @Option(help: "Delete segments older than this many hours; 0 keeps all (default: 0).") var keepHours: String?
    @Option(help: "Delete the oldest segments beyond this many GiB together; 0 keeps all (default: 0).")
    var keepGigabytes: String?

    package init() {}

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> RecorderConfiguration {
        let connect = try Endpoint.list(
            settings.list("connect", connect, default: ["tcp://127.0.0.1:5555"]), setting: "--connect")
        let symbols = try settings.symbols("symbols", symbols, default: [])
        let out = try settings.string("out", out, default: "tape")
        guard !out.isEmpty else { throw ConfigurationError(setting: "--out", problem: "needs a folder") }
        let segment = try settings.integer("segmentMegabytes", segmentMegabytes, default: 1_024, in: 1...1_048_576)
        let hours = try settings.number("keepHours", keepHours, default: 0, in: 0...1_000_000)
        let gigabytes = try settings.number("keepGigabytes", keepGigabytes, default: 0, in: 0...1_000_000)
        return RecorderConfiguration(
            connect: connect, symbols: symbols, security: try BusSecurity.decode(&settings),
            archive: TapeArchive.Options(
                folder: out, segmentBytes: UInt64(segment) << 20, keepSeconds: hours > 0 ? hours * 3_600 : nil,
                keepBytes: gigabytes > 0 ? UInt64(gigabytes * 1_073_741_824) : nil))
    }

    package func services(_ configuration: RecorderConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        [StageThread("recorder") { stop in try RecorderStage.run(configuration, runtime, until: stop) }]
    }
}
