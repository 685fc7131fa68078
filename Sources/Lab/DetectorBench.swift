import Runtime
import Tape
import ArgumentParser
import Detection
import Foundation
import Microstructure
import Wire

/// Times the bank alone: the vectors of a tape are computed into memory first.
struct DetectorBench {
    private static let passes = 5
    /// 2 GB of numbers.
    static let standardValueLimit = 1 << 28

    private struct Market {
        let instrument: Instrument
        var headers: [FeatureHeader] = []
        /// Row by row.
        var values: [Double] = []
    }

    private let schema = FeatureSchema()
    private let profile: Profile
    private var markets: [Market] = []
    /// The tape holds more vectors than are timed.
    private(set) var leftOut = false
    /// Nothing of the tape was lost on reading.
    private let isWhole: Bool

    /// - Parameter valueLimit: most values held in memory; a longer tape is timed on its begin, and that is said.
    init(tape: String, symbols: Set<String>, profile: Profile, valueLimit: Int = Self.standardValueLimit) throws {
        self.profile = profile
        var reader = try TapeReader(path: tape)
        var vectors = TapeVectors(symbols: symbols)
        var count = 0
        while let record = try reader.next() {
            guard let vector = vectors.process(record) else { continue }
            leftOut = count + schema.names.count > valueLimit
            if leftOut { break }
            while markets.count < vectors.lines.count {
                markets.append(Market(instrument: vectors.lines[markets.count].instrument))
            }
            markets[vector.line].headers.append(vector.header)
            markets[vector.line].values.append(contentsOf: vectors.lines[vector.line].engine.values)
            count += schema.names.count
        }
        isWhole = Lab.saysWhole(reader.problems, refused: vectors.refused)
        if leftOut { Lab.say("! only the first \(vectorCount) vectors are timed: more does not fit in memory") }
        guard count > 0 else {
            throw ImportError(.noUsableData, "\(tape) holds no market data that was asked for")
        }
    }

    var vectorCount: Int { markets.reduce(0) { $0 + $1.headers.count } }

    func run() throws {
        try StandardOutput.show("symbol      vectors   signals   vectors/s  ns/vector   bytes/vector once warm")
        for market in markets {
            var best = Double.infinity
            var (signals, bytes) = (0, Double?.none)
            for _ in 0..<Self.passes {
                let pass = try pass(market)
                best = min(best, pass.seconds)
                (signals, bytes) = (pass.signals, pass.bytesPerVector)
            }
            let count = Double(market.headers.count)
            try StandardOutput.show(
                String(
                    format: "%@ %9d %9d %11.0f %10.0f   %@",
                    market.instrument.symbol.padding(toLength: 9, withPad: " ", startingAt: 0), market.headers.count,
                    signals, count / best, best / count * 1e9,
                    bytes.map { String(format: "%.3f", $0) } ?? "not counted"))
        }
        guard isWhole else { throw ExitCode(1) }
    }

    /// One run of a fresh bank over all vectors, timed; then the same vectors again, which tell what a warm bank
    /// allocates. A signal is an allocation by design: those of the second run are left out of the count.
    private func pass(_ market: Market) throws -> (seconds: Double, signals: Int, bytesPerVector: Double?) {
        var bank = try DetectorBank(
            venue: market.instrument.venue, symbol: market.instrument.symbol, schema: schema, profile: profile)
        var signals: [Signal] = []
        let width = schema.names.count
        let rows = market.values.span
        let start = HostClock.monotonicNanoseconds
        for (index, header) in market.headers.enumerated() {
            bank.process(rows.extracting(index * width..<(index + 1) * width), header: header, into: &signals)
        }
        let seconds = Double(HostClock.monotonicNanoseconds - start) / 1e9
        let found = signals.count
        var allocated: UInt64 = 0
        for (index, header) in market.headers.enumerated() {
            let before = AllocationCounter.bytes
            let emitted = signals.count
            bank.process(rows.extracting(index * width..<(index + 1) * width), header: header, into: &signals)
            if signals.count == emitted, let before, let after = AllocationCounter.bytes { allocated += after - before }
        }
        let isCounted = AllocationCounter.bytes != nil
        return (seconds, found, isCounted ? Double(allocated) / Double(market.headers.count) : nil)
    }
}
