import Microstructure

/// A round trip to the venue's clock.
public struct ClockSample: Sendable, Hashable {
    /// Half-way between request and answer, on this host's clock.
    public var time: Timestamp
    /// Venue clock minus local clock, assuming both ways took the same time.
    public var offsetNanoseconds: Int64
    public var roundTripNanoseconds: Int64
    /// The unit of the venue's answer: its true time lies within one unit above the stated time.
    public var resolutionNanoseconds: Int64

    public init(
        time: Timestamp, offsetNanoseconds: Int64, roundTripNanoseconds: Int64, resolutionNanoseconds: Int64
    ) {
        self.time = time
        self.offsetNanoseconds = offsetNanoseconds
        self.roundTripNanoseconds = roundTripNanoseconds
        self.resolutionNanoseconds = resolutionNanoseconds
    }

    /// Error bound of `offsetNanoseconds`, since the two ways may differ in time.
    public var errorNanoseconds: Int64 { max(1, roundTripNanoseconds / 2 + resolutionNanoseconds / 2) }
}

/// Compares the venue's clock with this host's, from round trips.
///
/// The offset comes from the shortest of the last few round trips, with half of that as the error bound. The drift is
/// the slope of a weighted least-squares line through the samples of the last minutes, each weighted by the square of
/// its error. If the error bounds of a sample and of the offset do not overlap, a clock was set: everything before the
/// sample is forgotten. Source: Mills (1991), IEEE Trans. Commun. 39 (clock filter: the shortest of eight round trips).
public struct VenueClock: Sendable {
    /// Samples among which the shortest gives the offset.
    static let filterLength = 8
    /// Samples to take soon after the start.
    public static let firstSamples = 8
    /// Samples kept for the drift; the oldest are dropped.
    static let memory = 120
    /// A larger drift means that a clock was set (parts per million).
    static let greatestDriftPPM = 1_000.0
    /// A drift with a larger standard error is not reported.
    static let greatestDriftErrorPPM = 50.0

    private var samples = RingBuffer<ClockSample>(limit: VenueClock.memory)
    /// How often a clock was set.
    public private(set) var steps: UInt64 = 0

    public init() {}

    public mutating func process(_ sample: ClockSample) {
        if let best, let last = samples.last {
            let elapsed = Double(sample.time.nanoseconds(since: last.time))
            let allowance = Int64(abs(elapsed) * Double(Self.filterLength) * Self.greatestDriftPPM / 1e6)
            let distance = abs(sample.offsetNanoseconds - best.offsetNanoseconds)
            if distance > sample.errorNanoseconds + best.errorNanoseconds + allowance {
                samples.removeAll()
                steps += 1
            }
        }
        samples.append(sample)
    }

    /// Venue clock minus local clock and its error bound in ns; `nil` before the first sample.
    public var best: (offsetNanoseconds: Int64, errorNanoseconds: Int64)? {
        guard !samples.isEmpty else { return nil }
        var best = samples[samples.count - 1]
        for offset in max(0, samples.count - Self.filterLength)..<samples.count
        where samples[offset].roundTripNanoseconds < best.roundTripNanoseconds {
            best = samples[offset]
        }
        return (best.offsetNanoseconds, best.errorNanoseconds)
    }

    /// How much the venue's clock gains on this host's, in parts per million; `nil` until known to
    /// `greatestDriftErrorPPM`.
    public var driftPPM: Double? {
        guard samples.count >= 4 else { return nil }
        let origin = samples[0].time
        var (weights, sumX, sumY) = (0.0, 0.0, 0.0)
        for offset in 0..<samples.count {
            let weight = Self.weight(samples[offset])
            weights += weight
            sumX += weight * Double(samples[offset].time.nanoseconds(since: origin))
            sumY += weight * Double(samples[offset].offsetNanoseconds)
        }
        let (meanX, meanY) = (sumX / weights, sumY / weights)
        var (varianceX, covariance) = (0.0, 0.0)
        for offset in 0..<samples.count {
            let weight = Self.weight(samples[offset])
            let x = Double(samples[offset].time.nanoseconds(since: origin)) - meanX
            varianceX += weight * x * x
            covariance += weight * x * (Double(samples[offset].offsetNanoseconds) - meanY)
        }
        guard varianceX > 0, (1 / varianceX).squareRoot() * 1e6 <= Self.greatestDriftErrorPPM else { return nil }
        return covariance / varianceX * 1e6
    }

    private static func weight(_ sample: ClockSample) -> Double {
        1 / (Double(sample.errorNanoseconds) * Double(sample.errorNanoseconds))
    }
}
