import Detection
import Microstructure

/// A bank with its schema, fed by column name; columns that are not named are NaN.
struct BankBench {
    static let schema = FeatureSchema()

    var bank: DetectorBank
    private(set) var signals: [Signal] = []

    init(_ profile: Profile = .classic) throws {
        bank = try DetectorBank(venue: .binance, symbol: "BTCUSDT", schema: Self.schema, profile: profile)
    }

    /// Returns the signals that this vector made.
    @discardableResult
    mutating func feed(
        _ columns: [String: Double], nanoseconds: Int64, epoch: UInt64 = 1, validity: Validity = .valid
    ) -> [Signal] {
        var values = [Double](repeating: .nan, count: Self.schema.names.count)
        for (name, value) in columns {
            guard let index = Self.schema.index(of: name) else { preconditionFailure("no column \(name)") }
            values[index] = value
        }
        return feed(
            BankVector(values: values, header: .at(nanoseconds, epoch: epoch, validity: validity)))
    }

    @discardableResult
    mutating func feed(_ vector: BankVector) -> [Signal] {
        let before = signals.count
        bank.process(vector.values.span, header: vector.header, into: &signals)
        return Array(signals[before...])
    }

    func statistic(_ feature: String) -> Double? {
        bank.statistics.first { $0.feature == feature }?.statistic
    }
}

struct BankVector {
    var values: [Double]
    var header: FeatureHeader

    /// Ten vectors a second of every kind of input: noise, NaN, infinities, shifts, bursts, invalid vectors, new epochs.
    static func mixture(count: Int, from random: inout SplitMix64) -> [BankVector] {
        var epoch: UInt64 = 1
        var nanoseconds: Int64 = 1_700_000_000_000_000_000
        var (shift, excitement) = (0.0, 0.0)
        return (0..<count).map { _ in
            nanoseconds += Int64(random.uniform() * 200_000_000)
            if random.uniform() < 0.002 { epoch += 1 }
            if random.uniform() < 0.01 { shift = 2 * random.normal() }
            if random.uniform() < 0.01 { excitement = 6 * random.uniform() }
            excitement *= 0.97
            let values = BankBench.schema.names.map { name -> Double in
                let draw = random.uniform()
                if draw < 0.03 { return .nan }
                if draw < 0.035 { return draw < 0.0325 ? .infinity : -1e200 }
                let isExcited = name.hasPrefix("volume_z") || name.hasPrefix("realized_vol")
                return random.normal() + (isExcited ? excitement : shift)
            }
            let validity: Validity = random.uniform() < 0.02 ? .stale : .valid
            return BankVector(values: values, header: .at(nanoseconds, epoch: epoch, validity: validity))
        }
    }
}

extension FeatureHeader {
    /// The venue's clock runs 7 ns behind.
    static func at(_ nanoseconds: Int64, epoch: UInt64 = 1, validity: Validity = .valid) -> FeatureHeader {
        FeatureHeader(
            instrument: InstrumentID(0),
            times: EventTimes(
                venue: Timestamp(nanoseconds: nanoseconds - 7), receive: Timestamp(nanoseconds: nanoseconds)),
            epoch: epoch, validity: validity)
    }
}
