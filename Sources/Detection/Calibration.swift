public import Microstructure
import RealModule

/// The input vectors of a calibration for one market: only watched columns, only valid vectors.
public struct CalibrationSeries: Sendable {
    public let venue: Venue
    public let symbol: String
    public let schema: FeatureSchema
    public private(set) var headers: [FeatureHeader] = []
    /// Row by row.
    private var values: [Double] = []

    /// - Parameter columns: the watched columns; their schema's id is a placeholder.
    public init(venue: Venue, symbol: String, columns: [Column]) {
        self.venue = venue
        self.symbol = symbol
        schema = FeatureSchema(columns: columns, id: 0)
    }

    /// Memory for a calibration, in bytes a vector: header and values, the samples of both sides of every detector, the
    /// evidence, and the sorting of one sample; doubled, since growing arrays reserve up to twice their contents.
    public static func bytesPerVector(columns: Int, detectors: Int) -> Int {
        2 * (MemoryLayout<FeatureHeader>.stride + MemoryLayout<Double>.stride * (columns + 2 * detectors + 1 + 2 * 2))
    }

    /// - Parameter row: one value a column.
    public mutating func append(_ row: some Sequence<Double>, header: FeatureHeader) {
        let before = values.count
        values.append(contentsOf: row)
        precondition(values.count - before == schema.names.count)
        headers.append(header)
    }

    /// Days that the vectors cover; a gap of more than ten seconds counts as ten.
    public var days: Double {
        var total = 0.0
        for (earlier, later) in zip(headers, headers.dropFirst()) {
            let step = later.times.receive.nanoseconds(since: earlier.times.receive)
            total += Double(min(max(0, step), BudgetThreshold.longestStepNanoseconds))
        }
        return total / 86_400e9
    }

    /// Share of the vectors in which the feature has a value.
    func presence(of feature: String) -> Double {
        guard let column = schema.index(of: feature), !headers.isEmpty else { return 0 }
        let width = schema.names.count
        let present = headers.indices.count { !values[$0 * width + column].isNaN }
        return Double(present) / Double(headers.count)
    }

    func forEachVector(_ body: (Span<Double>, FeatureHeader) -> Void) {
        let width = schema.names.count
        for (index, header) in headers.enumerated() {
            body(values.span.extracting(index * width..<(index + 1) * width), header)
        }
    }

    /// Feeds all vectors to a bank of `profile`; calls `body` with the bank after each. Returns the signals.
    @discardableResult
    func run(_ profile: Profile, _ body: (borrowing DetectorBank) -> Void = { _ in }) throws(ProfileError) -> [Signal] {
        var bank = try DetectorBank(venue: venue, symbol: symbol, schema: schema, profile: profile)
        var signals: [Signal] = []
        let width = schema.names.count
        for (index, header) in headers.enumerated() {
            bank.process(values.span.extracting(index * width..<(index + 1) * width), header: header, into: &signals)
            body(bank)
        }
        return signals
    }
}

/// Learns a profile that keeps a signal budget: the tail of every detector's statistic, the tail of their combined
/// evidence, and the evidence that a signal needs. Assumes no distribution or memory of the data. The data defines
/// normal behaviour, so calibrate on days without the events that the detectors should find.
public struct Calibration: Sendable {
    /// Result for one detector.
    public struct Finding: Sendable {
        public let name: DetectorName
        /// `nil` if the detector is left out of the profile; `omission` says why.
        public let threshold: Double?
        public let omission: String?
    }

    public let profile: Profile
    public let findings: [Finding]
    /// Signals on the calibration data with a fixed threshold.
    public let signalCount: Int
    public let days: Double
    /// Signals in each block of `blockSeconds`, with all series concatenated.
    public let blockCounts: [Int]

    /// Fewest signals for a calibration; with fewer the signal rate is not known to within a quarter.
    public static let leastSignals = 20.0
    /// Smallest share of the vectors in which a detector needs a value.
    public static let leastPresence = 0.5
    /// Blocks of an hour keep clusters of signals together.
    public static let blockSeconds: Int64 = 3600

    public enum Failure: Error, CustomStringConvertible {
        case tooShort(days: Double, needed: Double, budget: Double)
        /// No threshold of at least one nat gives that many signals a day; `reachable` is the highest rate found.
        case unreachable(budget: Double, reachable: Double)
        case nothingToWatch
        /// No kind of event could be learnt.
        case nothingTaught
        case profile(ProfileError)

        public var description: String {
            switch self {
            case .tooShort(let days, let needed, let budget):
                "the tapes cover \(Self.text(days)) days of valid data, too few for \(Self.text(budget)) signals a day: "
                    + "that needs at least \(Self.text(needed)) days, or a larger budget"
            case .unreachable(let budget, let reachable):
                "\(Self.text(budget)) signals a day cannot be reached: on these tapes evidence worth the name gives at most "
                    + "\(Self.text(reachable)) a day; ask for fewer"
            case .nothingTaught:
                "no kind of event was seen for \(Int(EventLesson.leastSeconds)) s on the taught tapes, or the others are too "
                    + "short; the first minutes of every market only warm up, and symbols and times must match the tapes'"
            case .nothingToWatch: "no detector has enough data on these tapes"
            case .profile(let error): "\(error)"
            }
        }

        private static func text(_ value: Double) -> String {
            value >= 100 ? "\(value.rounded())" : "\((value * 1000).rounded() / 1000)"
        }
    }

    /// - Parameters:
    ///   - base: the parameters that are not learnt, and the detectors to calibrate.
    ///   - extrapolates: accept data too short for the budget, and take the threshold from the fitted tail of the
    ///     evidence: a starting point with an unverified signal rate.
    ///   - lesson: events to learn the signatures of; `nil` keeps those of `base` and weighs them anew for these data.
    ///   - progress: called after each of some 30 passes over the data, with the completed share.
    public init(
        _ series: [CalibrationSeries], base: Profile, signalsPerDay: Double, gain: Double,
        extrapolates: Bool = false, lesson: EventLesson? = nil, progress: (Double) throws -> Void = { _ in }
    ) throws {
        let days = series.reduce(0) { $0 + $1.days }
        let needed = Self.leastSignals / signalsPerDay
        guard days >= needed || extrapolates else {
            throw Failure.tooShort(days: days, needed: needed, budget: signalsPerDay)
        }
        do {
            try self.init(series, base, signalsPerDay, gain, days, needed, lesson, progress)
        } catch let error as ProfileError {
            throw Failure.profile(error)
        }
    }

    private init(
        _ series: [CalibrationSeries], _ base: Profile, _ signalsPerDay: Double, _ gain: Double, _ days: Double,
        _ needed: Double, _ lesson: EventLesson?, _ progress: (Double) throws -> Void
    ) throws {
        var profile = base
        var omissions: [DetectorName: String] = [:]
        let total = series.reduce(0.0) { $0 + Double($1.headers.count) }
        profile.detectors = base.detectors.compactMap { detector in
            let present = series.reduce(0.0) { $0 + $1.presence(of: detector.name.feature) * Double($1.headers.count) }
            guard present >= Self.leastPresence * total else {
                omissions[detector.name] = "no value in most vectors"
                return nil
            }
            return detector
        }
        if let watch = base.events { profile.events = try Self.events(series, watch, lesson) }
        guard lesson == nil || profile.events != nil else { throw Failure.nothingTaught }
        let looksForEvents = profile.events != nil
        guard looksForEvents || !profile.detectors.isEmpty else { throw Failure.nothingToWatch }
        let tails = try Self.tails(series, profile)
        try progress(1.0 / Double(Self.passes))
        profile.detectors = profile.detectors.compactMap { detector in
            var detector = detector
            detector.tail = tails[detector.name]
            guard detector.tail != nil else {
                omissions[detector.name] = "its statistic hardly ever changes"
                return nil
            }
            return detector
        }
        guard looksForEvents || !profile.detectors.isEmpty else { throw Failure.nothingToWatch }

        // This threshold is never reached, so no detector restarts: measures the evidence while nothing is reported.
        profile.budget = Profile.Budget(signalsPerDay: signalsPerDay, evidenceThreshold: 10_000, gain: 0)
        var evidence: [Double] = []
        for series in series { try series.run(profile) { evidence.append($0.evidence) } }
        profile.budget?.tail = TailTable(sample: evidence)
        try progress(2.0 / Double(Self.passes))

        try Self.solve(series, &profile, signalsPerDay, days, progress)
        if days < needed, days > 0, let tail = profile.budget?.tail, let found = profile.budget?.evidenceThreshold {
            // The signal rate falls with the threshold as the tail does.
            let rarer = Double.log(Self.leastSignals / days / signalsPerDay)
            profile.budget?.evidenceThreshold = tail.value(atNats: tail.nats(at: found) + rarer)
        }
        let signals = try series.map { try $0.run(profile).map(\.detected) }
        profile.budget?.gain = gain
        let threshold = profile.budget?.evidenceThreshold ?? 0
        let learnt = profile.detectors
        self.profile = profile
        self.days = days
        signalCount = signals.reduce(0) { $0 + $1.count }
        blockCounts = zip(series, signals).flatMap(Self.blocks)
        findings = base.detectors.map { detector in
            let learnt = learnt.first { $0.name == detector.name }
            return Finding(
                name: detector.name, threshold: learnt?.tail?.value(atNats: threshold),
                omission: omissions[detector.name])
        }
    }

    private static func solve(
        _ series: [CalibrationSeries], _ profile: inout Profile, _ signalsPerDay: Double, _ days: Double,
        _ progress: (Double) throws -> Void
    ) throws {
        let wanted = max(signalsPerDay * days, leastSignals)
        var most = 0.0
        func count(at logThreshold: Double) throws -> Double {
            profile.budget?.evidenceThreshold = Double.exp(logThreshold)
            let count = Double(try series.reduce(0) { try $0 + $1.run(profile).count })
            most = max(most, count)
            return count
        }
        // Search from above: a low threshold gives few signals too, since all the time is then one episode.
        var high = Double.log(2_000)
        var low = high - descentStep
        var pass = 0
        while low > 0, try count(at: low) <= wanted {
            (high, low) = (low, low - descentStep)
            pass += 1
            try progress(Double(3 + pass) / Double(passes))
        }
        // Data too short for `wanted` (extrapolation only) may still contain enough signals for the requested rate.
        guard most > signalsPerDay * days else {
            throw Failure.unreachable(budget: signalsPerDay, reachable: most / days)
        }
        for bisection in 0..<bisections {
            let middle = (low + high) / 2
            if try count(at: middle) > wanted { low = middle } else { high = middle }
            try progress(Double(3 + descents + bisection) / Double(passes))
        }
        profile.budget?.evidenceThreshold = Double.exp(high)
    }

    /// Step in the logarithm of the threshold.
    private static let descentStep = 0.25
    private static let descents = 31
    private static let bisections = 8
    private static let passes = 3 + descents + bisections

    private static func tails(
        _ series: [CalibrationSeries], _ profile: Profile
    ) throws(ProfileError) -> [DetectorName: TailTable] {
        guard !profile.detectors.isEmpty else { return [:] }
        // No statistic has weight here, so nothing is reported and no detector restarts.
        guard let silent = TailTable(values: [0, 1e12], nats: [0, 1e-3]) else { return [:] }
        var learning = profile
        learning.events = nil
        for index in learning.detectors.indices { learning.detectors[index].tail = silent }
        learning.budget = Profile.Budget(signalsPerDay: 1, evidenceThreshold: 10_000, gain: 0)
        var names: [DetectorName] = []
        var samples: [[Double]] = Array(repeating: [], count: learning.detectors.count)
        for series in series {
            try series.run(learning) { bank in
                bank.visitSides { index, name, upper, lower in
                    if names.count == index { names.append(name) }
                    if !upper.isNaN { samples[index].append(upper) }
                    if let lower, !lower.isNaN { samples[index].append(lower) }
                }
            }
        }
        var tails: [DetectorName: TailTable] = [:]
        for (name, sample) in zip(names, samples) { tails[name] = TailTable(sample: sample) }
        return tails
    }

    /// The watch with its signatures' weights and tails learnt; `nil` if it has no signature whose tail can be learnt.
    private static func events(
        _ series: [CalibrationSeries], _ watch: EventWatch, _ lesson: EventLesson?
    ) throws(ProfileError) -> EventWatch? {
        var watch = watch
        var blank = watch
        blank.signatures = []
        var quiet = ExcessMoments(width: 2 * watch.columns.count * watch.horizonSeconds.count)
        var isSigned: [Bool] = []
        for series in series {
            var detector = try EventDetector(blank, schema: series.schema)
            isSigned = detector.isSigned
            var seconds = 0
            var epoch: UInt64?
            series.forEachVector { values, header in
                guard detector.process(values, header: header, epoch: &epoch), detector.isWarm else { return }
                seconds += 1
                // Neighbouring seconds share most of their horizons.
                if seconds % momentStep == 0 { quiet.add(detector.excesses) }
            }
        }
        guard quiet.count > 0 else { return nil }
        if let lesson {
            watch.signatures = lesson.signatures(against: quiet, isSigned: isSigned)
        } else {
            let learning = EventLearning(watch, isSigned: isSigned, quiet: quiet)
            for index in watch.signatures.indices {
                watch.signatures[index].terms = learning.reweighed(watch.signatures[index].terms)
            }
        }
        var samples: [[Double]] = Array(repeating: [], count: watch.signatures.count)
        for series in series {
            var detector = try EventDetector(watch, schema: series.schema)
            var epoch: UInt64?
            series.forEachVector { values, header in
                guard detector.process(values, header: header, epoch: &epoch), detector.isWarm else { return }
                for (index, sum) in detector.sums.enumerated() { samples[index].append(sum) }
            }
        }
        watch.signatures = zip(watch.signatures, samples).compactMap { signature, sample in
            var signature = signature
            signature.tail = TailTable(sample: sample, knotsPerDecade: 4)
            return signature.tail == nil ? nil : signature
        }
        return watch.signatures.isEmpty ? nil : watch
    }

    /// Every so many seconds, one is taken for the moments.
    private static let momentStep = 3

    private static func blocks(_ series: CalibrationSeries, _ signals: [Timestamp]) -> [Int] {
        guard let first = series.headers.first?.times.receive, let last = series.headers.last?.times.receive else {
            return []
        }
        let width = blockSeconds * 1_000_000_000
        var counts = Array(repeating: 0, count: Int(max(0, last.nanoseconds(since: first)) / width) + 1)
        for signal in signals {
            counts[min(counts.count - 1, max(0, Int(signal.nanoseconds(since: first) / width)))] += 1
        }
        return counts
    }
}
