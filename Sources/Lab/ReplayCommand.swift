import Bus
import Runtime
import Tape
import ArgumentParser
import Foundation
import Microstructure
import Wire
import ZeroMQ

/// `microlab replay`: a tape back onto the bus.
package struct ReplayCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Publishes a tape on the bus, at its own speed or another.",
        discussion: """
            Messages go out in tape order, at the distances of their receive times divided by --speed, exactly as they \
            were recorded but for the time they are sent. Subscribers take what they have already seen for duplicates, so \
            start them anew before a second replay of the same tape, or let --loop play it again: from the second pass on \
            all times and epochs are moved such that time goes on, a second after the last message, as if the producers \
            had been restarted.

            A subscriber that does not keep up is waited for; what ZeroMQ does not take within ten seconds is counted.

            Exit code: 0; 1 the tape is damaged or messages were not taken; 65 it holds nothing of what was asked for; 64, \
            66, 74 as for import; 130 interrupted.
            """)

    /// How fast: a factor, or as fast as it goes.
    package struct Speed: ExpressibleByArgument, Sendable {
        /// `nil` does not wait at all.
        let factor: Double?

        package init?(argument: String) {
            if argument == "max" {
                factor = nil
                return
            }
            guard let value = Double(argument), value > 0, value.isFinite else { return nil }
            factor = value
        }
    }

    /// How often: a number of passes, or on and on.
    package struct Passes: ExpressibleByArgument, Sendable {
        /// `nil` does not end.
        let count: Int?

        package init?(argument: String) {
            if argument == "forever" {
                count = nil
                return
            }
            guard let value = Int(argument), value > 0 else { return nil }
            count = value
        }
    }

    @OptionGroup var selection: TapeSelection
    @Option(help: "1, 10 or any factor, or max.") var speed = Speed(argument: "1")!
    @Option(help: "How many times to play the tape, or forever.") var loop = Passes(argument: "1")!
    @Option(help: "ZeroMQ endpoints to publish on, comma-separated.") var publish = "tcp://127.0.0.1:5555"
    @Option(help: "Wait until so many subscriptions are open before the first message.") var waitSubscriptions = 0
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    package func validate() throws {
        guard waitSubscriptions >= 0 else { throw ValidationError("--wait-subscriptions must not be negative") }
        do {
            _ = try endpoints()
        } catch {
            throw ValidationError("\(error)")
        }
    }

    package func run() async throws {
        do {
            try replay()
        } catch let code as ExitCode {
            throw code
        } catch is CancellationError {
            Lab.say("microlab: interrupted")
            throw ExitCode(130)
        } catch {
            throw Lab.failure(error)
        }
    }

    private func endpoints() throws(ConfigurationError) -> [Endpoint] {
        try Endpoint.list(
            publish.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }, setting: "--publish",
            use: .bind)
    }

    private func replay() throws {
        Interrupt.watch()
        signal(SIGPIPE, SIG_IGN)
        // An unreadable tape is reported before any socket is bound.
        let first = try selection.open()
        let context = try Context()
        var publisher = try TapePublisher(endpoints(), in: context)
        Lab.say("publishing on \(try publisher.endpoint)")
        while publisher.subscriptions < waitSubscriptions {
            if Interrupt.isRequested { throw CancellationError() }
            usleep(10_000)
            try publisher.countSubscriptions()
        }
        var passes = TapePasses()
        var pace: Pace?
        let damage = try play(first, &passes, &pace, &publisher)
        var played = 1
        while loop.count.map({ played < $0 }) ?? true, passes.beginNext() {
            _ = try play(try selection.open(), &passes, &pace, &publisher)
            played += 1
        }
        let often = loop.count == 1 ? "" : " in \(played) passes"
        Lab.say("\(publisher.sentCount) messages published\(often), \(publisher.droppedCount) not taken")
        try Lab.report(damage.problems, refused: damage.refused)
        guard publisher.droppedCount == 0 else { throw ExitCode(1) }
        guard publisher.sentCount > 0 else { throw selection.nothing }
    }

    /// When the first message was received, and when it was sent.
    private typealias Pace = (first: Timestamp, begin: Int64)

    /// Plays the tape once from beginning to end; returns its problems.
    private func play(
        _ events: consuming TapeEvents, _ passes: inout TapePasses, _ pace: inout Pace?,
        _ publisher: inout TapePublisher
    ) throws -> (problems: [TapeProblem], refused: Int) {
        let bar = ProgressBar(total: Int(clamping: events.byteCount), always: progress)
        while let event = try events.next() {
            let (envelope, receiveTime) = passes.process(event)
            if let factor = speed.factor {
                let start = pace ?? (receiveTime, HostClock.monotonicNanoseconds)
                pace = start
                let offset = Double(receiveTime.nanoseconds(since: start.first)) / factor
                try wait(until: start.begin + Int64(min(offset, 1e18)), events.bytesRead, bar, &publisher)
            }
            guard try publisher.publish(envelope, topic: event.record.topicBytes) else {
                throw CancellationError()
            }
            if publisher.sentCount % 1_024 == 0 {
                try publisher.countSubscriptions()
                try bar.update(Int(clamping: events.bytesRead))
            }
        }
        bar.finish()
        return (events.problems, events.refused)
    }

    private func wait(
        until due: Int64, _ bytesRead: UInt64, _ bar: ProgressBar, _ publisher: inout TapePublisher
    ) throws {
        while true {
            let rest = due - HostClock.monotonicNanoseconds
            guard rest > 0 else { return }
            if rest > 1_000_000 {
                try publisher.countSubscriptions()
                try bar.update(Int(clamping: bytesRead))
            }
            usleep(UInt32(min(rest, 50_000_000) / 1_000))
        }
    }
}
