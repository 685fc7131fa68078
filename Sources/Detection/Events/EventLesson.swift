public import Microstructure

/// Collects what events look like from tapes on which they are labelled, for `Calibration`. Keeps moments, not vectors.
public struct EventLesson: Sendable {
    /// The events of one kind that show alike, and when.
    private enum Aspect: Int, CaseIterable {
        /// From the second to the 45th second, the smaller half of the events: their direction is what a detector needs
        /// most, since large ones are found anyway.
        case small
        /// The same of all sizes; how much events differ counts as noise.
        case all
        /// From the second to the twelfth second, the larger half.
        case early

        var seconds: Range<Int64> { self == .early ? 2..<12 : 2..<45 }
        /// How much of the events' own covariance counts as noise.
        var scatterShare: Double { self == .all ? 0.1 : 0 }

        func takes(size: Double?, median: Double?) -> Bool {
            guard let size, let median else { return true }
            return switch self {
            case .small: size <= median
            case .all: true
            case .early: size >= median
            }
        }
    }

    private struct Lesson: Sendable {
        let kind: EventKind
        let hasSide: Bool
        /// Median size of the kind's events; `nil` if sizes are not known, or all are the same.
        let median: Double?
        var aspects: [ExcessMoments]
    }

    /// A market of the tape under way.
    private struct Market: Sendable {
        var detector: EventDetector
        var epoch: UInt64?

        mutating func process(_ values: Span<Double>, _ header: FeatureHeader) -> Bool {
            detector.process(values, header: header, epoch: &epoch)
        }
    }

    private let watch: EventWatch
    private var lessons: [Lesson] = []
    private var markets: [Market] = []
    /// Where each logarithm lies in the mirror image; empty before the first vector.
    private var mirror: [Int] = []

    /// The seconds that were seen of each kind's events.
    public var seconds: [(kind: EventKind, seconds: Int)] {
        lessons.map { ($0.kind, Int($0.aspects[Aspect.all.rawValue].count)) }
    }

    /// Fewest seconds of a kind's events for a signature.
    public static let leastSeconds = 30.0
    /// Most kinds of a lesson: each has three signatures.
    public static let kindLimit = EventWatch.signatureLimit / Aspect.allCases.count

    /// - Parameter events: those of all tapes that will be taken.
    public init(_ watch: EventWatch, events: [TaughtEvent]) {
        var watch = watch
        watch.signatures = []
        self.watch = watch
        let width = 2 * watch.columns.count * watch.horizonSeconds.count
        for kind in Set(events.map(\.kind)).sorted(by: { $0.rawValue < $1.rawValue }) {
            let own = events.filter { $0.kind == kind }
            let sizes = own.compactMap(\.size).sorted()
            let hasSizes = sizes.count == own.count && sizes.first != sizes.last
            lessons.append(
                Lesson(
                    kind: kind, hasSide: own.contains { $0.direction != .unsided },
                    median: hasSizes ? sizes[sizes.count / 2] : nil,
                    aspects: Aspect.allCases.map { _ in ExcessMoments(width: width) }))
        }
    }

    /// A new tape begins, and its markets start anew.
    public mutating func startTape() { markets = [] }

    /// Takes one valid vector of the market with that place on the tape.
    ///
    /// - Parameter events: those on this tape.
    public mutating func process(
        _ values: Span<Double>, header: FeatureHeader, market: Int, symbol: String, schema: FeatureSchema,
        events: [TaughtEvent]
    ) throws(ProfileError) {
        while markets.count <= market { markets.append(Market(detector: try EventDetector(watch, schema: schema))) }
        if mirror.isEmpty { mirror = ShiftLayout(watch, isSigned: markets[market].detector.isSigned).mirror }
        let time = header.times.receive
        guard markets[market].process(values, header), markets[market].detector.isWarm else { return }
        for event in events where event.symbol == symbol && event.start <= time && time < event.end {
            guard let index = lessons.firstIndex(where: { $0.kind == event.kind }) else { continue }
            let age = time.nanoseconds(since: event.start) / 1_000_000_000
            // Of a kind with sides, an event without one says nothing of either.
            guard !lessons[index].hasSide || event.direction != .unsided else { continue }
            var excesses = markets[market].detector.excesses
            if event.direction == .down { excesses = mirror.map { markets[market].detector.excesses[$0] } }
            for aspect in Aspect.allCases
            where aspect.seconds.contains(age) && aspect.takes(size: event.size, median: lessons[index].median) {
                lessons[index].aspects[aspect.rawValue].add(excesses)
            }
        }
    }

    /// The signatures of all kinds of which enough was seen, without tails.
    func signatures(against quiet: ExcessMoments, isSigned: [Bool]) -> [EventSignature] {
        let learning = EventLearning(watch, isSigned: isSigned, quiet: quiet)
        let mirror = ShiftLayout(watch, isSigned: isSigned).mirror
        return lessons.flatMap { lesson in
            Aspect.allCases.compactMap { aspect in
                let moments = lesson.aspects[aspect.rawValue]
                guard moments.count >= Self.leastSeconds else { return nil }
                let view = lesson.hasSide ? nil : mirror
                let scatter =
                    aspect.scatterShare > 0 ? (moments.covariance(mirror: view), aspect.scatterShare) : nil
                return EventSignature(
                    kind: lesson.kind, type: lesson.kind.usualType, hasSide: lesson.hasSide,
                    terms: learning.terms(
                        mean: view.map { moments.mean(mirror: $0) } ?? moments.mean(), scatter: scatter))
            }
        }
    }
}

extension EventKind {
    /// The type of the signals of a kind that a profile was taught: what comes suddenly is a burst, what changes how a
    /// market behaves is a change of regime, and the rest are drifts.
    var usualType: SignalType {
        let name = rawValue
        if ["burst", "stuffing", "crash", "sweep", "pump"].contains(where: { name.contains($0) }) { return .burst }
        if name.contains("regime") || ["spread", "volatility"].contains(name) { return .regimeChange }
        return .drift
    }
}
