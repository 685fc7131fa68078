import Microstructure

/// What the venue says of a connection and its channels.
extension BitfinexReader {
    /// The version of the protocol.
    private static var version: (mantissa: Int64, exponent: Int) { (2, 0) }

    private struct Event {
        var name: JSONString?
        var channel: JSONString?
        var symbol: JSONString?
        var precision: JSONString?
        var text: JSONString?
        var status: JSONString?
        var number: Int64?
        var code: Int64?
        var flags: Int64?
        var isOtherVersion = false
    }

    mutating func readEvent(
        _ scanner: inout JSONScanner, from connection: Int, into message: inout VenueMessage
    ) throws(ScanError) {
        message.payload = .control
        var event = Event()
        try scanner.eachMember { (key, scanner) throws(ScanError) in try Self.take(key, &scanner, into: &event) }
        try scanner.finish()
        guard let name = event.name else { throw ScanError(.missingField, at: scanner.position) }
        if scanner.equals(name, "subscribed") {
            try subscribed(event, scanner, on: connection, &message)
        } else if scanner.equals(name, "unsubscribed") {
            guard let number = event.number else { throw ScanError(.missingField, at: scanner.position) }
            connections[connection].remove(number)
            message.note = .acknowledgement
        } else if scanner.equals(name, "conf") {
            guard let flags = event.flags, let status = event.status, scanner.equals(status, "OK") else {
                return message.note = .refused(code: event.code ?? 0, message: "the venue does not accept the flags")
            }
            connections[connection].flags = BitfinexFlags(rawValue: flags)
            message.note = .acknowledgement
        } else if scanner.equals(name, "info") {
            message.note = Self.meaning(of: event)
        } else if scanner.equals(name, "error") {
            note(event, scanner, &message)
        } else {
            message.note = scanner.equals(name, "pong") ? .acknowledgement : .unknownEvent
        }
    }

    private static func take(
        _ key: JSONString, _ scanner: inout JSONScanner, into event: inout Event
    ) throws(ScanError) {
        switch try scanner.peek() {
        case .string:
            let text = try scanner.string()
            if scanner.equals(key, "event") {
                event.name = text
            } else if scanner.equals(key, "channel") {
                event.channel = text
            } else if scanner.equals(key, "symbol") {
                event.symbol = text
            } else if scanner.equals(key, "prec") {
                event.precision = text
            } else if scanner.equals(key, "msg") {
                event.text = text
            } else if scanner.equals(key, "status") {
                event.status = text
            }
        case .number:
            if scanner.equals(key, "chanId") {
                event.number = try scanner.integer()
            } else if scanner.equals(key, "code") {
                event.code = try scanner.integer()
            } else if scanner.equals(key, "flags") {
                event.flags = try scanner.integer()
            } else if scanner.equals(key, "version") {
                event.isOtherVersion = try scanner.normalizedDecimal() != version
            } else {
                try scanner.skipValue()
            }
        default: try scanner.skipValue()
        }
    }

    /// `{"event":"subscribed","channel":"book","chanId":146465,"symbol":"tCHZUST","prec":"P0",…}`.
    private mutating func subscribed(
        _ event: Event, _ scanner: borrowing JSONScanner, on connection: Int, _ message: inout VenueMessage
    ) throws(ScanError) {
        guard let number = event.number, let channel = event.channel, let symbol = event.symbol else {
            throw ScanError(.missingField, at: scanner.position)
        }
        let index = directory.index(of: symbol, scanner, noting: &message)
        guard index >= 0 else { return }
        var kind = BitfinexConnection.Channel.Kind.other
        if scanner.equals(channel, "trades") {
            kind = .trades
        } else if scanner.equals(channel, "book"), let precision = event.precision, scanner.equals(precision, "P0") {
            // Others sum levels up, or are of single orders.
            kind = .book
        }
        connections[connection].add(BitfinexConnection.Channel(number, kind, index: index))
        message.note = .acknowledgement
    }

    private static func meaning(of event: Event) -> VenueMessage.Note {
        switch event.code {
        // The server stops; or the venue's maintenance has ended, and all channels are to be subscribed to anew.
        case 20_051, 20_061: .shutdown
        // Maintenance begins, for two minutes at most. Nothing can be done before its end.
        case 20_060: .acknowledgement
        case nil where event.isOtherVersion:
            .refused(code: 0, message: "the venue speaks another version of its protocol")
        default: .acknowledgement
        }
    }

    /// `{"event":"error","msg":"symbol: invalid","code":10300,"channel":"book","symbol":"tNOPEUSD",…}`.
    private func note(_ event: Event, _ scanner: JSONScanner, _ message: inout VenueMessage) {
        let parts = [event.text, event.channel, event.symbol].compactMap { $0.map { scanner.text(of: $0) } }
        if let symbol = event.symbol { message.index = scanner.withBytes(of: symbol) { directory.index(of: $0) } }
        message.note = .refused(code: event.code ?? 0, message: parts.joined(separator: ", "))
    }
}
