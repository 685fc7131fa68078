import Microstructure
import RealModule

/// Looks for the signatures of events in the shifts of all watched columns together.
///
/// Once a second, every signature is summed over the logarithms of the shifts above one unit, for the market as it is and
/// for its mirror image (bids for asks, rises of signed columns for falls), and the sum weighed by its own tail. The
/// evidence is that of the signature that is least probable while nothing happens (Tippett 1931), so that further
/// signatures cost little: twice as many raise the threshold by 0.7 nats.
///
/// O(columns) a vector; O(columns · horizons + terms) a second, amortised.
struct EventDetector: Sendable, Encodable {
    /// What has been learnt from the market: what a checkpoint holds.
    struct State: Sendable, Codable {
        fileprivate(set) var panel: ShiftPanel
        /// Of the columns when first watched: what is learnt from a column holds only for the same one.
        fileprivate let units: [Column.Unit]
        fileprivate let isSigned: [Bool]
        fileprivate let isBookBased: [Bool]
        /// ln|z| where a shift is above 1 unit and a rise, or a fall in the second half; 0 otherwise.
        fileprivate(set) var excesses: [Double]
        /// Nats of each signature after the last second, and on which side.
        fileprivate var nats: [Double]
        fileprivate var sides: [Direction]
        /// When each signature last said nothing.
        fileprivate var quiet: [Timestamp?]
        /// The signature of the evidence.
        fileprivate var leader: Int?

        var shifts: [Double] { panel.shifts }
    }

    private(set) var state: State
    private let watch: EventWatch
    /// Terms of all signatures, one after the other: their places in the excesses, and those of their mirror images.
    private let places: [Int]
    private let mirrored: [Int]
    private let weights: [Double]
    private let ends: [Int]

    init(_ watch: EventWatch, schema: FeatureSchema) throws(ProfileError) {
        let places = try Self.places(of: watch, in: schema)
        let columns = places.map { schema.columns[$0] }
        let isSigned = zip(columns, watch.columns).map { $0.side == .signed || $1.comparison == .growth }
        let isBookBased = columns.map(\.source.isResetByBookEpoch)
        let count = watch.signatures.count
        let state = State(
            panel: ShiftPanel(watch, places: places, isBookBased: isBookBased), units: columns.map(\.unit),
            isSigned: isSigned, isBookBased: isBookBased,
            excesses: Array(repeating: 0, count: 2 * columns.count * watch.horizonSeconds.count),
            nats: Array(repeating: 0, count: count), sides: Array(repeating: .up, count: count),
            quiet: Array(repeating: nil, count: count))
        self.init(watch, state)
    }

    /// Goes on from a checkpoint; `nil` if that is of another watch.
    init?(_ watch: EventWatch, restoring state: State, width: Int) {
        let (columns, count) = (watch.columns.count, watch.signatures.count)
        guard state.panel.fits(watch, width: width), state.units.count == columns, state.isSigned.count == columns,
            state.isBookBased.count == columns, state.excesses.count == 2 * columns * watch.horizonSeconds.count,
            state.nats.count == count, state.sides.count == count, state.quiet.count == count,
            state.leader.map({ (0..<count).contains($0) }) ?? true
        else { return nil }
        self.init(watch, state)
    }

    private init(_ watch: EventWatch, _ state: State) {
        self.watch = watch
        self.state = state
        let layout = ShiftLayout(watch, isSigned: state.isSigned)
        let terms = watch.signatures.flatMap(\.terms)
        places = terms.map { layout.place(of: $0) }
        mirrored = places.map { layout.mirror[$0] }
        weights = terms.map(\.weight)
        var ends: [Int] = []
        for signature in watch.signatures { ends.append((ends.last ?? 0) + signature.terms.count) }
        self.ends = ends
    }

    /// The signatures are the profile's: only what has been learnt since goes into a checkpoint.
    func encode(to encoder: any Encoder) throws { try state.encode(to: encoder) }

    var isSigned: [Bool] { state.isSigned }
    var excesses: [Double] { state.excesses }
    var isWarm: Bool { state.panel.isWarm }

    private static func places(of watch: EventWatch, in schema: FeatureSchema) throws(ProfileError) -> [Int] {
        try watch.columns.map { column throws(ProfileError) in
            guard let place = schema.index(of: column.feature) else { throw .missingColumn(column.feature) }
            return place
        }
    }

    mutating func bind(to schema: FeatureSchema) throws(ProfileError) {
        let places = try Self.places(of: watch, in: schema)
        for (index, place) in places.enumerated() {
            let column = schema.columns[place]
            let hasSide = column.side == .signed || watch.columns[index].comparison == .growth
            guard column.unit == state.units[index], hasSide == state.isSigned[index],
                column.source.isResetByBookEpoch == state.isBookBased[index]
            else { throw .changedColumn(column.name) }
        }
        state.panel.move(to: places)
    }

    /// A new book epoch begins. The evidence stays until the next second weighs it anew, so that an episode of the trades
    /// goes on.
    mutating func resetBook() { state.panel.resetBook() }

    /// Takes one valid vector and follows the book epochs, as a bank does for itself. Returns whether it completed a second.
    mutating func process(_ values: Span<Double>, header: FeatureHeader, epoch: inout UInt64?) -> Bool {
        if let epoch, epoch != header.epoch { resetBook() }
        epoch = header.epoch
        return process(values, at: header.times.receive)
    }

    /// Takes one valid vector. Returns whether it completed a second.
    @discardableResult
    mutating func process(_ values: Span<Double>, at time: Timestamp) -> Bool {
        guard state.panel.process(values, at: time) else { return false }
        ShiftLayout.fill(&state.excesses, from: state.panel.shifts)
        state.leader = nil
        var most = 0.0
        for index in ends.indices {
            let (sum, side) = sum(of: index)
            // Without any shift there is nothing to be surprised at, whatever the tail says.
            let surprise = isWarm && sum > 0 ? watch.signatures[index].tail?.nats(at: sum) ?? 0 : 0
            (state.nats[index], state.sides[index]) = (surprise, side)
            if surprise < EnsembleScore.leastNats {
                state.quiet[index] = time
            } else if surprise > most {
                (state.leader, most) = (index, surprise)
            }
        }
        return true
    }

    /// A signature's sum on its heavier side.
    private func sum(of index: Int) -> (sum: Double, side: Direction) {
        let begin = index == 0 ? 0 : ends[index - 1]
        var (upper, lower) = (0.0, 0.0)
        for term in begin..<ends[index] {
            upper += weights[term] * state.excesses[places[term]]
            lower += weights[term] * state.excesses[mirrored[term]]
        }
        return upper >= lower ? (upper, .up) : (lower, .down)
    }

    /// Sums of all signatures, for a calibration.
    var sums: [Double] { ends.indices.map { sum(of: $0).sum } }

    func add(to score: inout EnsembleScore) {
        guard let leader = state.leader else { return }
        score.add(weight: state.nats[leader], side: watch.signatures[leader].hasSide ? state.sides[leader] : .unsided)
    }

    /// What was found; `nil` if nothing.
    struct Finding {
        let kind: EventKind
        let type: SignalType
        let direction: Direction
        let onset: Timestamp?
        let nats: Double
        /// Of the kinds that the profile knows, given that it is one of them.
        let kindProbability: Double
        /// Of the columns that speak for it, the most important first: parts that sum to 1.
        let parts: [Evidence]
    }

    /// Most columns that a signal names.
    static let partLimit = 12

    var finding: Finding? {
        guard let leader = state.leader else { return nil }
        let signature = watch.signatures[leader]
        let direction: Direction = signature.hasSide ? state.sides[leader] : .unsided
        return Finding(
            kind: signature.kind, type: signature.type, direction: direction, onset: state.quiet[leader],
            nats: state.nats[leader], kindProbability: probability(of: signature.kind), parts: parts(of: leader))
    }

    /// Evidence of a kind against that of all kinds: e to the nats, of each kind's best signature.
    private func probability(of kind: EventKind) -> Double {
        var best: [(kind: EventKind, nats: Double)] = []
        for (signature, nats) in zip(watch.signatures, state.nats) {
            if let index = best.firstIndex(where: { $0.kind == signature.kind }) {
                best[index].nats = max(best[index].nats, nats)
            } else {
                best.append((signature.kind, nats))
            }
        }
        let most = best.map(\.nats).max() ?? 0
        let own = best.first { $0.kind == kind }?.nats ?? 0
        return Double.exp(own - most) / best.reduce(0) { $0 + Double.exp($1.nats - most) }
    }

    private func parts(of index: Int) -> [Evidence] {
        struct Part {
            var contribution = 0.0
            var term = 0
            var largest = 0.0
        }
        let mirrors = state.sides[index] == .down
        let begin = index == 0 ? 0 : ends[index - 1]
        var byColumn: [Int: Part] = [:]
        let horizons = watch.horizonSeconds.count
        let half = state.excesses.count / 2
        for term in begin..<ends[index] {
            let place = mirrors ? mirrored[term] : places[term]
            let contribution = weights[term] * state.excesses[place]
            let column = place % half / horizons
            byColumn[column, default: Part()].contribution += contribution
            if contribution > byColumn[column]?.largest ?? 0 {
                byColumn[column]?.largest = contribution
                byColumn[column]?.term = place
            }
        }
        let speaking = byColumn.filter { $0.value.contribution > 0 && $0.value.largest > 0 }
            .sorted { ($1.value.contribution, $0.key) < ($0.value.contribution, $1.key) }.prefix(Self.partLimit)
        let total = speaking.reduce(0) { $0 + $1.value.contribution }
        return speaking.map { column, part in
            let place = part.term % half
            let excess = state.panel.excesses[place]
            return Evidence(
                detector: "shift", feature: watch.columns[column].feature, statistic: state.panel.shifts[place],
                threshold: 1,
                share: part.contribution / total, horizonSeconds: watch.horizonSeconds[place % horizons],
                factor: watch.columns[column].comparison.factor(of: excess))
        }
    }
}
