import Microstructure
import Wire

/// What a tape contains, and what is missing from it.
package struct TapeAudit: Encodable {
    /// Most silences listed one by one; further ones are only counted.
    static let listLimit = 20

    package struct Kind: Encodable {
        package var symbol: String
        package var kind: String
        package var count = 0
        var firstTimeNs = Int64.max
        var lastTimeNs = Int64.min
        /// Messages missing by the bus sequence numbers: the recorder was slow, or the disk full.
        package var lost: UInt64 = 0
        /// Sent before the recording began.
        package var missedAtStart: UInt64 = 0
        package var duplicates = 0
        /// Trades missing by the venue's own ids; those fetched later are not.
        package var missingTradeIDs: Int64 = 0
        package var bookEpochs = 0
    }

    package struct Producer: Encodable {
        package var name: String
        package var epoch: UInt64
        package var messages = 0
    }

    package struct Silence: Encodable {
        package var afterTimeNs: Int64
        package var seconds: Double
    }

    package private(set) var records = 0
    package private(set) var firstTimeNs: Int64?
    package private(set) var lastTimeNs: Int64?
    package private(set) var contentBytes = 0
    package private(set) var kinds: [Kind] = []
    package private(set) var producers: [Producer] = []
    package private(set) var silences: [Silence] = []
    package private(set) var silenceCount = 0
    /// Records with a receive time earlier than the previous record's by more than clock jitter.
    package private(set) var backward = 0

    private enum CodingKeys: String, CodingKey {
        case records, firstTimeNs, lastTimeNs, contentBytes, kinds, producers, silences, silenceCount, backward
    }

    private struct Follower {
        var kind: Int
        var tracker: SequenceTracker
        /// Its place in `tradeGaps`.
        let place: Int
        var bookEpoch: UInt64 = 0
    }

    private let silenceNanoseconds: Int64
    private var followers: [[UInt8]: Follower] = [:]
    /// By follower; changed in place, since a copy of the gaps for each trade would be slow.
    private var tradeGaps: [TradeIDGaps] = []
    private var producerIndices: [String: Int] = [:]

    package init(silenceSeconds: Double) { silenceNanoseconds = Int64(silenceSeconds * 1e9) }

    package mutating func add(_ event: TapeEvents.Event) {
        records += 1
        contentBytes += event.record.topicBytes.count + event.record.body.count
        let time = event.receiveTime.nanoseconds
        if let last = lastTimeNs {
            let step = event.receiveTime.nanoseconds(since: Timestamp(nanoseconds: last))
            if step < 0 { backward += 1 }
            if step > silenceNanoseconds {
                silenceCount += 1
                if silences.count < Self.listLimit {
                    silences.append(Silence(afterTimeNs: last, seconds: Double(step) / 1e9))
                }
            }
        }
        firstTimeNs = min(firstTimeNs ?? time, time)
        lastTimeNs = max(lastTimeNs ?? time, time)
        addProducer(event.envelope)
        var follower = followers[event.record.topicBytes] ?? newFollower(event.topic)
        follow(event.envelope, event.record.topicBytes, time, &follower)
        followers[event.record.topicBytes] = follower
    }

    /// Sorts the results; call it after the last event.
    package mutating func finish() {
        for follower in followers.values {
            kinds[follower.kind].missingTradeIDs &+= tradeGaps[follower.place].missing
        }
        kinds.sort { ($0.symbol, $0.kind) < ($1.symbol, $1.kind) }
        producers.sort { ($0.epoch, $0.name) < ($1.epoch, $1.name) }
    }

    private mutating func newFollower(_ topic: Topic) -> Follower {
        // All signal types count as one kind.
        let name =
            switch topic.kind {
            case .tick: topic.detail ?? ""
            case .feature: topic.detail.map { "feature \($0)" } ?? "feature"
            case .signal, .detector: topic.kind.rawValue
            }
        let known = kinds.firstIndex { $0.symbol == topic.symbol && $0.kind == name }
        if known == nil { kinds.append(Kind(symbol: topic.symbol, kind: name)) }
        tradeGaps.append(TradeIDGaps())
        return Follower(kind: known ?? kinds.count - 1, tracker: SequenceTracker(), place: tradeGaps.count - 1)
    }

    private mutating func addProducer(_ envelope: ProtoEnvelope) {
        let key = "\(envelope.epoch) \(envelope.producer)"
        let index = producerIndices[key] ?? producers.count
        if index == producers.count {
            producerIndices[key] = index
            producers.append(Producer(name: envelope.producer, epoch: envelope.epoch))
        }
        producers[index].messages += 1
    }

    private mutating func follow(
        _ envelope: ProtoEnvelope, _ topic: [UInt8], _ time: Int64, _ follower: inout Follower
    ) {
        kinds[follower.kind].count += 1
        kinds[follower.kind].firstTimeNs = min(kinds[follower.kind].firstTimeNs, time)
        kinds[follower.kind].lastTimeNs = max(kinds[follower.kind].lastTimeNs, time)
        switch follower.tracker.process(topic: topic, epoch: envelope.epoch, sequence: envelope.sequence) {
        case .next: break
        case .lost(let count), .restarted(let count): kinds[follower.kind].lost &+= count
        case .first(let missed): kinds[follower.kind].missedAtStart &+= missed
        case .duplicate: kinds[follower.kind].duplicates += 1
        }
        switch envelope.payload {
        case .book(let book) where book.bookEpoch != follower.bookEpoch:
            follower.bookEpoch = book.bookEpoch
            kinds[follower.kind].bookEpochs += 1
        case .trade(let trade):
            let first = trade.firstID == 0 ? trade.id : trade.firstID
            if first <= trade.id { tradeGaps[follower.place].add(first...trade.id) }
        default: break
        }
    }
}
