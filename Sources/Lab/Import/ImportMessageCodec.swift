import Microstructure

/// Messages as bytes, for sorting outside memory; their lines are kept in the keys.
struct ImportMessageCodec {
    private enum Kind: UInt8 {
        case frame, snapshot, connected, depth, depthSnapshot, snapshotLevels, deltaLevels, lostLevels, top, quote,
            trade
    }

    private var symbols: [String] = []
    private var places: [String: Int32] = [:]

    mutating func encode(_ message: ImportMessage) -> [UInt8] {
        var bytes: [UInt8] = []
        func begin(_ kind: Kind) {
            bytes.append(kind.rawValue)
            bytes.append(message.hasReceiveTime ? 1 : 0)
            bytes.append(number: message.receiveTime.nanoseconds)
        }
        switch message.content {
        case .frame(let symbol, let text):
            begin(.frame)
            append(symbol, &bytes)
            bytes += text
        case .snapshot(let symbol, let text):
            begin(.snapshot)
            append(symbol, &bytes)
            bytes += text
        case .connected: begin(.connected)
        case .depth(let levels, let first, let last):
            begin(.depth)
            bytes.append(number: first)
            bytes.append(number: last)
            append(levels, &bytes)
        case .depthSnapshot(let levels, let last):
            begin(.depthSnapshot)
            bytes.append(number: last)
            append(levels, &bytes)
        case .levels(let levels, let isSnapshot):
            begin(isSnapshot ? .snapshotLevels : .deltaLevels)
            append(levels, &bytes)
        case .lostLevels(let symbol):
            begin(.lostLevels)
            append(symbol, &bytes)
        case .top(let levels):
            begin(.top)
            append(levels, &bytes)
        case .quote(let quote):
            begin(.quote)
            append(quote.symbol, &bytes)
            append(quote.bid, &bytes)
            append(quote.ask, &bytes)
            bytes.append(number: quote.venueTime.nanoseconds)
        case .trade(let trade):
            begin(.trade)
            append(trade.symbol, &bytes)
            // Ids are not negative.
            bytes.append(number: trade.id ?? -1)
            append(ImportMessage.Level(price: trade.price, quantity: trade.quantity), &bytes)
            bytes.append(trade.aggressor.rawValue)
            bytes.append(number: trade.venueTime.nanoseconds)
            bytes.append(number: trade.missedBefore)
        }
        return bytes
    }

    /// The message that `encode` made these bytes of; `nil` for other bytes.
    func decode(_ bytes: [UInt8], line: Int) -> ImportMessage? {
        var reader = ByteReader(bytes: bytes, position: 0)
        guard let kind = Kind(rawValue: reader.number()) else { return nil }
        let hasReceiveTime = reader.number(UInt8.self) == 1
        let receiveTime = Timestamp(nanoseconds: reader.number())
        let content: ImportMessage.Content
        switch kind {
        case .frame: content = .frame(symbol: symbol(&reader), Array(bytes[reader.position...]))
        case .snapshot: content = .snapshot(symbol: symbol(&reader), Array(bytes[reader.position...]))
        case .connected: content = .connected
        case .depth:
            let (first, last) = (reader.number(Int64.self), reader.number(Int64.self))
            content = .depth(levels(&reader), first: first, last: last)
        case .depthSnapshot:
            let last = reader.number(Int64.self)
            content = .depthSnapshot(levels(&reader), last: last)
        case .snapshotLevels: content = .levels(levels(&reader), isSnapshot: true)
        case .deltaLevels: content = .levels(levels(&reader), isSnapshot: false)
        case .lostLevels: content = .lostLevels(symbol: symbol(&reader) ?? "")
        case .top: content = .top(levels(&reader))
        case .quote:
            content = .quote(
                ImportMessage.Quote(
                    symbol: symbol(&reader) ?? "", bid: level(&reader), ask: level(&reader),
                    venueTime: Timestamp(nanoseconds: reader.number())))
        case .trade:
            let symbol = symbol(&reader) ?? ""
            let id = reader.number(Int64.self)
            let size = level(&reader)
            guard let aggressor = AggressorSide(rawValue: reader.number()) else { return nil }
            content = .trade(
                ImportMessage.Trade(
                    symbol: symbol, id: id < 0 ? nil : id, price: size.price, quantity: size.quantity,
                    aggressor: aggressor, venueTime: Timestamp(nanoseconds: reader.number()),
                    missedBefore: reader.number()))
        }
        return ImportMessage(
            receiveTime: receiveTime, hasReceiveTime: hasReceiveTime, line: line, content: content)
    }

    private mutating func append(_ symbol: String?, _ bytes: inout [UInt8]) {
        guard let symbol else { return bytes.append(number: Int32(-1)) }
        let place = places[symbol] ?? Int32(symbols.count)
        if place == symbols.count {
            symbols.append(symbol)
            places[symbol] = place
        }
        bytes.append(number: place)
    }

    private func symbol(_ reader: inout ByteReader) -> String? {
        let place = reader.number(Int32.self)
        return place < 0 ? nil : symbols[Int(place)]
    }

    private func append(_ level: ImportMessage.Level, _ bytes: inout [UInt8]) {
        for number in [level.price, level.quantity] {
            bytes.append(number: number.mantissa)
            bytes.append(number: number.exponent)
        }
    }

    private func level(_ reader: inout ByteReader) -> ImportMessage.Level {
        let price = ExactDecimal(mantissa: reader.number(), exponent: reader.number())
        return ImportMessage.Level(
            price: price, quantity: ExactDecimal(mantissa: reader.number(), exponent: reader.number()))
    }

    private mutating func append(_ levels: ImportMessage.Levels, _ bytes: inout [UInt8]) {
        append(levels.symbol, &bytes)
        bytes.append(number: levels.venueTime.nanoseconds)
        for side in [levels.bids, levels.asks] {
            bytes.append(number: Int32(side.count))
            for level in side { append(level, &bytes) }
        }
    }

    private func levels(_ reader: inout ByteReader) -> ImportMessage.Levels {
        var levels = ImportMessage.Levels(
            symbol: symbol(&reader) ?? "", venueTime: Timestamp(nanoseconds: reader.number()))
        for _ in 0..<reader.number(Int32.self) { levels.bids.append(level(&reader)) }
        for _ in 0..<reader.number(Int32.self) { levels.asks.append(level(&reader)) }
        return levels
    }
}
