import Microstructure

/// What one connection's messages refer to. Channel numbers and the counter are the connection's own.
struct BitfinexConnection: Sendable {
    struct Channel: Sendable, Hashable {
        enum Kind: Sendable, Hashable { case book, trades, other }

        var number: Int64
        var kind: Kind
        /// The instrument's.
        var index: Int
        /// The number of the channel's last message, whether it could be read or not.
        fileprivate var last: Int64 = -1

        init(_ number: Int64, _ kind: Kind, index: Int) {
            self.number = number
            self.kind = kind
            self.index = index
        }
    }

    /// What the venue has confirmed to add to its messages.
    var flags: BitfinexFlags = []
    private(set) var channels: [Channel] = []
    /// The last message's number.
    private var sequence: Int64?
    /// Messages are missing before one that could not be read.
    private var isAfterLoss = false

    /// Notes a message's number.
    mutating func take(_ next: Int64?) {
        guard let next else { return }
        if let sequence, next != sequence &+ 1 { isAfterLoss = true }
        sequence = next
    }

    /// Tells the session of a loss, once.
    mutating func report(in message: inout VenueMessage) {
        message.isAfterLoss = isAfterLoss
        isAfterLoss = false
    }

    /// Where a channel is among `channels`: there are two for each instrument, so few.
    func place(of number: Int64) -> Int? { channels.firstIndex { $0.number == number } }

    /// How a channel's new message follows its last one. Without numbers nobody knows.
    mutating func link(of place: Int, to sequence: Int64?) -> BookLink {
        guard let sequence else { return .none }
        let previous = channels[place].last
        channels[place].last = sequence
        return .chain(previous: previous, last: sequence)
    }

    /// A new channel takes the place of an older one for the same.
    mutating func add(_ channel: Channel) {
        remove(channel.number)
        if channel.kind != .other { channels.removeAll { $0.kind == channel.kind && $0.index == channel.index } }
        channels.append(channel)
    }

    mutating func remove(_ number: Int64) { channels.removeAll { $0.number == number } }
}
