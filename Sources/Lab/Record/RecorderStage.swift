import Bus
import Runtime
import Tape
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// Settings of a recorder.
package struct RecorderConfiguration: Sendable {
    package var connect: [Endpoint]
    /// Symbols to take; empty takes all.
    package var symbols: [String]
    /// Keys of the bus; `nil` is plain text.
    package var security: CurveSecurity?
    var archive: TapeArchive.Options
}

/// Records the tick topics to a folder of segments.
enum RecorderStage {
    static func run(
        _ configuration: RecorderConfiguration, _ runtime: ServiceRuntime, until stop: StopSignal
    ) throws {
        var archive = try TapeArchive(configuration.archive, logger: runtime.logger, at: HostClock.now)
        runtime.logger.info("recording", metadata: ["path": "\(archive.path)"])
        let context = try Context(security: configuration.security)
        let directory = EndpointDirectory(configuration.connect, logger: runtime.logger)
        // Every venue's: a prefix cannot name a symbol without its venue.
        let symbols = Set(configuration.symbols)
        let subscriber = try Subscriber(directory, topics: [Topic.prefix(.tick)], in: context, logger: runtime.logger)
        try StageLoop.run(subscriber, health: runtime.health, part: "recorder", until: stop) {
            event, subscriber throws(ZMQError) in
            switch event {
            case .message(let delivery):
                guard symbols.isEmpty || symbols.contains(delivery.topic.symbol) else { return }
                archive.append(
                    topic: delivery.topic.bytes, body: subscriber.body, receiveTime: subscriber.reader.receiveTime)
            case .second:
                archive.tick(at: HostClock.now)
                runtime.health.beat(
                    "disk", isReady: archive.failure == nil,
                    detail: archive.failure ?? "\(archive.records) records, \(archive.dropped) dropped")
            }
        }
        try archive.finish()
        runtime.logger.info("recorded", metadata: ["records": "\(archive.records)", "dropped": "\(archive.dropped)"])
    }
}
