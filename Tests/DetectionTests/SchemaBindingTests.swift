import Detection
import Foundation
import Microstructure
import TestSupport
import Testing

/// A bank takes the columns that it watches by their names, wherever they lie.
@Suite struct SchemaBindingTests {
    private static let narrow = BankBench.schema
    /// Two columns that no detector knows stand before the others.
    private static let wide = FeatureSchema(columns: strangers + narrow.columns, id: 42)
    private static let strangers = ["new_1", "new_2"].map {
        Column($0, source: .orders, side: .signed, unit: .one, meaning: "something new")
    }

    private static func widened(_ vector: BankVector) -> BankVector {
        BankVector(values: [7, .nan] + vector.values, header: vector.header)
    }

    private static func bank(_ schema: FeatureSchema) throws -> DetectorBank {
        var profile = Profile.classic
        profile.cooldownSeconds = 1
        return try DetectorBank(venue: .binance, symbol: "BTCUSDT", schema: schema, profile: profile)
    }

    private static func feed(_ vectors: some Sequence<BankVector>, to bank: inout DetectorBank) -> [Signal] {
        var signals: [Signal] = []
        for vector in vectors { bank.process(vector.values.span, header: vector.header, into: &signals) }
        return signals
    }

    private static func bits(_ bank: DetectorBank) -> [UInt64] { bank.statistics.map(\.statistic.bitPattern) }

    private static func reloaded(_ bank: DetectorBank, editing edit: (String) -> String = { $0 }) throws -> DetectorBank
    {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let text = edit(String(decoding: try encoder.encode(bank), as: UTF8.self))
        return try decoder.decode(DetectorBank.self, from: Data(text.utf8))
    }

    @Test(arguments: testSeeds) func moreColumnsAndAnotherOrderGiveTheSameSignals(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let vectors = BankVector.mixture(count: 3_000, from: &random)
        var bank = try Self.bank(Self.narrow)
        let signals = Self.feed(vectors, to: &bank)
        #expect(signals.count > 5, "seed \(seed)")
        var wide = try Self.bank(Self.wide)
        #expect(Self.feed(vectors.map(Self.widened), to: &wide) == signals, "seed \(seed)")
        #expect(Self.bits(wide) == Self.bits(bank), "seed \(seed)")
        var backward = try Self.bank(FeatureSchema(columns: Self.narrow.columns.reversed(), id: 43))
        let reversed = vectors.map { BankVector(values: $0.values.reversed(), header: $0.header) }
        #expect(Self.feed(reversed, to: &backward) == signals, "seed \(seed)")
    }

    /// With a checkpoint at the change or without one, and back again.
    @Test(arguments: testSeeds, [true, false])
    func aBankGoesOnUnderAWiderSchemaBitForBit(seed: UInt64, isSaved: Bool) throws {
        var random = SplitMix64(testSeed: seed)
        let vectors = BankVector.mixture(count: 3_000, from: &random)
        var whole = try Self.bank(Self.narrow)
        let expected = Self.feed(vectors, to: &whole)
        var bank = try Self.bank(Self.narrow)
        var signals = Self.feed(vectors[..<1_000], to: &bank)
        if isSaved { bank = try Self.reloaded(bank) }
        try bank.bind(to: Self.wide)
        #expect(bank.schemaID == Self.wide.id)
        signals += Self.feed(vectors[1_000..<2_000].map(Self.widened), to: &bank)
        if isSaved { bank = try Self.reloaded(bank) }
        try bank.bind(to: Self.narrow)
        signals += Self.feed(vectors[2_000...], to: &bank)
        #expect(signals == expected, "seed \(seed)")
        #expect(Self.bits(bank) == Self.bits(whole) && bank.counts == whole.counts, "seed \(seed)")
    }

    /// Checkpoints keep their members' names, and those from before units were kept are taken as they are.
    @Test func anOlderCheckpointIsTaken() throws {
        var random = SplitMix64(testSeed: 6)
        let vectors = BankVector.mixture(count: 1_000, from: &random)
        var bank = try Self.bank(Self.narrow)
        _ = Self.feed(vectors[..<500], to: &bank)
        var older = try Self.reloaded(bank) { text in
            for member in ["\"channels\":[", "\"isBookBased\":", "\"hasSide\":", "\"metric\":\"imbalance_10\""] {
                #expect(text.contains(member), "\(member)")
            }
            let units = Set(Self.narrow.columns.map(\.unit.rawValue))
            return units.reduce(text) { text, unit in
                text.replacing(",\"unit\":\"\(unit)\"", with: "").replacing("\"unit\":\"\(unit)\",", with: "")
            }
        }
        try older.bind(to: Self.wide)
        let signals = Self.feed(vectors[500...].map(Self.widened), to: &older)
        #expect(signals == Self.feed(vectors[500...], to: &bank))
        #expect(Self.bits(older) == Self.bits(bank))
    }

    @Test func whatIsMissingOrChangedIsNamedAndNothingChanges() throws {
        var bank = try Self.bank(Self.narrow)
        let watched = "spread_compression"
        let without = FeatureSchema(columns: Self.narrow.columns.filter { $0.name != watched }, id: 2)
        #expect(throws: ProfileError.missingColumn(watched)) { try bank.bind(to: without) }
        for changed in [
            Column(watched, source: .trades, unit: .one, meaning: ""),
            Column(watched, source: .book, side: .signed, unit: .one, meaning: ""),
            Column(watched, source: .book, unit: .basisPoints, meaning: ""),
        ] {
            let columns = Self.narrow.columns.map { $0.name == watched ? changed : $0 }
            #expect(throws: ProfileError.changedColumn(watched)) {
                try bank.bind(to: FeatureSchema(columns: columns, id: 3))
            }
        }
        // Other words are not another meaning.
        let reworded = Self.narrow.columns.map {
            Column($0.name, source: $0.source, side: $0.side, unit: $0.unit, meaning: "other words")
        }
        #expect(bank.schemaID == Self.narrow.id)
        try bank.bind(to: FeatureSchema(columns: reworded, id: 4))
        #expect(bank.schemaID == 4)
    }
}
