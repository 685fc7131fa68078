import Microstructure
import Tape
import Wire

/// Records with a trade each, received a millisecond apart from 2023-11-14 on.
package enum TapeSamples {
    package static let topic = Topic.tick(.binance, "BTCUSDT", .trade)

    package static func record(_ number: Int, padding: Int = 0) -> (record: TapeRecord, time: Timestamp) {
        let time = Timestamp(nanoseconds: 1_700_000_000_000_000_000 + Int64(number) * 1_000_000)
        var envelope = ProtoEnvelope()
        // Random letters, so that padding does not compress away.
        var random = SplitMix64(seed: UInt64(bitPattern: Int64(number)))
        envelope.producer =
            "test"
            + String((0..<padding).map { _ in Character(Unicode.Scalar(UInt8.random(in: 97...122, using: &random))) })
        envelope.epoch = 1
        envelope.sequence = UInt64(number)
        var trade = ProtoTrade()
        trade.id = Int64(number)
        trade.aggressor = .buy
        trade.receiveTimeNs = time.nanoseconds
        envelope.payload = .trade(trade)
        return (TapeRecord(topicBytes: topic.bytes, body: EnvelopeCodec.encode(envelope)), time)
    }

    package static func read(_ path: String) throws -> (records: [TapeRecord], problems: [TapeProblem]) {
        var reader = try TapeReader(path: path)
        var records: [TapeRecord] = []
        while let record = try reader.next() { records.append(record) }
        return (records, reader.problems)
    }

    /// The numbers of the trades on a tape.
    package static func numbers(_ path: String) throws -> (ids: [Int64], problems: [TapeProblem]) {
        let (records, problems) = try read(path)
        return (try records.map { try EnvelopeCodec.decode($0.body).trade.id }, problems)
    }
}
