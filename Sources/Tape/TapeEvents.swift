import Microstructure
import Wire

/// The messages of a tape, decoded and filtered, for commands that look at them.
package struct TapeEvents: ~Copyable {
    package struct Event {
        package let topic: Topic
        package let envelope: ProtoEnvelope
        package let receiveTime: Timestamp
        package let record: TapeRecord
    }

    /// Records that are no message of the bus; passed over.
    package private(set) var refused = 0
    private var reader: TapeReader
    private let times: ClosedRange<Timestamp>
    private let symbols: Set<String>
    /// Topics by their bytes; `nil` for unwanted topics.
    private var topics: [[UInt8]: Topic?] = [:]

    /// - Parameter symbols: empty takes all.
    package init(path: String, times: ClosedRange<Timestamp> = TapeReader.always, symbols: Set<String> = [])
        throws(TapeError)
    {
        reader = try TapeReader(path: path, times: times)
        self.times = times
        self.symbols = symbols
    }

    package var problems: [TapeProblem] { reader.problems }
    package var segments: [TapeReader.Segment] { reader.segments }
    package var byteCount: UInt64 { reader.byteCount }
    package var bytesRead: UInt64 { reader.bytesRead }

    package mutating func next() throws(TapeError) -> Event? {
        while let record = try reader.next() {
            guard let topic = topic(of: record.topicBytes) else { continue }
            let envelope: ProtoEnvelope
            do throws(WireError) {
                envelope = try EnvelopeCodec.decode(record.body)
            } catch {
                refused += 1
                continue
            }
            let time = envelope.receiveTime
            guard times.contains(time) else { continue }
            return Event(topic: topic, envelope: envelope, receiveTime: time, record: record)
        }
        return nil
    }

    private mutating func topic(of bytes: [UInt8]) -> Topic? {
        if let known = topics[bytes] { return known }
        guard let topic = Topic(bytes) else {
            refused += 1
            return nil
        }
        let wanted = symbols.isEmpty || symbols.contains(topic.symbol) ? topic : nil
        if topics.count < SequenceTracker.topicLimit { topics[bytes] = .some(wanted) }
        return wanted
    }
}
