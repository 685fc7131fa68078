@testable import Bus
@testable import Runtime
import Foundation
import Logging
import Microstructure
import Synchronization
import Wire
import ZeroMQ

/// Plays `features`: publishes vectors made so that a detector started with `detectorArguments` makes a burst signal of
/// every second one.
final class VectorSource: Sendable {
    /// No cooldown, and a candidate has to beat only the vector before it.
    static let detectorArguments = [
        "--profile", "classic", "--cooldown-seconds", "0", "--dynamic-threshold-window", "1",
    ]

    private let stopSignal = StopSignal()
    private let ended = DispatchSemaphore(value: 0)
    private let sent = Mutex(0)
    private let rate: Mutex<Double>

    /// Vectors sent that make a signal, if a detector was there to take them.
    var signalCount: Int { sent.withLock { $0 } }

    /// - Parameters:
    ///   - signalsPerSecond: 0 sends as fast as it can.
    ///   - limit: signals after which it falls silent.
    init(_ endpoint: String, symbols: [String], signalsPerSecond: Double, limit: Int = .max) throws {
        rate = Mutex(signalsPerSecond)
        let ready = DispatchSemaphore(value: 0)
        let thread = Thread { [self] in
            defer { ended.signal() }
            do {
                try run(endpoint, symbols, limit, ready)
            } catch {
                print("vector source: \(error)")
                ready.signal()
            }
        }
        thread.start()
        ready.wait()
    }

    func stop() {
        stopSignal.request()
        ended.wait()
        // A second call finds it ended.
        ended.signal()
    }

    private func run(_ endpoint: String, _ symbols: [String], _ limit: Int, _ ready: DispatchSemaphore) throws {
        let context = try Context()
        var publisher = try Publisher(
            [.plain(endpoint)], in: context, producer: "features", epoch: UInt64(HostClock.now.nanoseconds),
            kind: .feature)
        ready.signal()
        let schema = FeatureSchema()
        let column = schema.index(of: "volume_z_1s") ?? 0
        var topics = symbols.map { PublishedTopic(.feature(venue: "binance", symbol: $0)) }
        var vector = ProtoFeatureVector()
        vector.schemaID = schema.id
        vector.validity = .valid
        vector.bookEpoch = 1
        vector.sourceEpoch = 1
        let start = HostClock.monotonicNanoseconds
        var pairs = 0
        while !stopSignal.isRequested {
            try publisher.countSubscriptions()
            guard pairs < limit, publisher.subscriptions > 0 else {
                Thread.sleep(forTimeInterval: 0.01)  // house-rule: the pause between two looks at the stop signal
                continue
            }
            let index = pairs % symbols.count
            // A quiet vector, which arms, and a loud one, which fires.
            for value in [0.0, 5.0] {
                vector.values = schema.names.map { _ in .nan }
                vector.values[column] = value
                vector.receiveTimeNs = HostClock.now.nanoseconds
                vector.venueTimeNs = vector.receiveTimeNs
                try publisher.publish(.featureVector(vector), on: &topics[index])
            }
            pairs += 1
            sent.withLock { $0 = pairs }
            let perSecond = rate.withLock { $0 }
            guard perSecond > 0 else { continue }
            let ahead = Double(pairs) / perSecond - Double(HostClock.monotonicNanoseconds - start) / 1e9
            if ahead > 0 { Thread.sleep(forTimeInterval: ahead) }  // house-rule: the rate of the load
        }
    }
}
