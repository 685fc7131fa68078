import Microstructure

/// A detector of any kind. An enumeration and not an existential, which would be copied at every read of a monitor's
/// numbers: four times slower.
enum WatchingDetector: Sendable, Codable {
    case cusum(CUSUM)
    case pageHinkley(PageHinkley)
    case ewma(EWMAChart)
    case adwin(ADWIN)
    case burst(Burst)

    mutating func process(_ z: Double, at time: Timestamp, upper: inout Double, lower: inout Double) -> Alarm? {
        func process(_ detector: inout some ChangeDetector) -> Alarm? {
            let alarm = detector.process(z, at: time)
            (upper, lower) = (detector.upper, detector.lower)
            return alarm
        }
        // Consumed and put back, so the detector always has one owner and its arrays are never copied.
        switch consume self {
        case .cusum(var detector):
            let alarm = process(&detector)
            self = .cusum(detector)
            return alarm
        case .pageHinkley(var detector):
            let alarm = process(&detector)
            self = .pageHinkley(detector)
            return alarm
        case .ewma(var detector):
            let alarm = process(&detector)
            self = .ewma(detector)
            return alarm
        case .adwin(var detector):
            let alarm = process(&detector)
            self = .adwin(detector)
            return alarm
        case .burst(var detector):
            let alarm = process(&detector)
            self = .burst(detector)
            return alarm
        }
    }

    /// Forgets all observations.
    mutating func reset() {
        switch consume self {
        case .cusum(var detector):
            detector.reset()
            self = .cusum(detector)
        case .pageHinkley(var detector):
            detector.reset()
            self = .pageHinkley(detector)
        case .ewma(var detector):
            detector.reset()
            self = .ewma(detector)
        case .adwin(var detector):
            detector.reset()
            self = .adwin(detector)
        case .burst(var detector):
            detector.reset()
            self = .burst(detector)
        }
    }

    /// Start of the current burst; `nil` without one, and for other kinds.
    var burstOnset: Timestamp? {
        if case .burst(let burst) = self { burst.onset } else { nil }
    }
}
