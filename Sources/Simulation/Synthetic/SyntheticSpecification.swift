import Microstructure

/// The markets, their planted events and the duration: a small JSON file; the article Synthetic lists its members.
public struct SyntheticSpecification: Sendable, Equatable {
    /// Most markets of a specification.
    public static let marketLimit = 4_096

    /// The same seed gives the same markets.
    public var seed: UInt64
    /// Duration of a tape of the specification; a served market goes on.
    public var durationSeconds: Double
    public var startTime: Timestamp
    public var markets: [SyntheticParameters]
    public var events: [PlantingRule]
    /// The delays with which the venue sends the markets.
    public var delays = ArrivalDelays.Name.measured

    /// 2026-01-01.
    public static let usualStart = Timestamp(nanoseconds: 1_767_225_600_000_000_000)

    public init(
        markets: [SyntheticParameters], events: [PlantingRule] = [], seed: UInt64 = 1, durationSeconds: Double = 3_600,
        startTime: Timestamp = SyntheticSpecification.usualStart
    ) {
        self.seed = seed
        self.durationSeconds = durationSeconds
        self.startTime = startTime
        self.markets = markets
        self.events = events
    }

    /// A demonstration: these symbols, each with a short metaorder of random side every 15 to 30 s.
    public static func demonstration(symbols: [String], seed: UInt64) -> SyntheticSpecification {
        SyntheticSpecification(
            markets: symbols.map { SyntheticParameters(symbol: $0) },
            events: [
                PlantingRule(.metaorder, timing: .everySeconds(15...30), lengthSeconds: 3...5, sizes: [8])
            ], seed: seed)
    }
}

/// The error in a specification, in one line that names the member.
public struct SpecificationError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// An object of the file. Each member may be read once; unknown members are errors.
struct Members {
    private let container: KeyedDecodingContainer<MemberName>
    /// The object's place, e.g. `events[2]`.
    let place: String

    init(_ decoder: any Decoder, _ place: String, known: [String]) throws {
        container = try decoder.container(keyedBy: MemberName.self)
        self.place = place
        if let unknown = container.allKeys.map(\.stringValue).filter({ !known.contains($0) }).min() {
            throw SpecificationError(
                "\(place): unknown member '\(unknown)'; known are \(known.joined(separator: ", "))")
        }
    }

    func value<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value? {
        do {
            return try container.decodeIfPresent(type, forKey: MemberName(name))
        } catch {
            // Not always a DecodingError: JSONDecoder throws another error for a fraction where a whole number is
            // expected.
            throw SpecificationError("\(place): '\(name)' is not \(Self.word(type))")
        }
    }

    func needed<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        guard let value = try value(name, as: type) else {
            throw SpecificationError("\(place): needs the member '\(name)'")
        }
        return value
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
        guard let number = try value(name, as: Double.self) else { return nil }
        try check(name, [number], range)
        return number
    }

    /// A number, or a list of them.
    func numbers(_ name: String, in range: ClosedRange<Double>) throws -> [Double]? {
        guard has(name) else { return nil }
        let list: [Double]
        if let one = try? container.decode(Double.self, forKey: MemberName(name)) {
            list = [one]
        } else if let many = try? container.decode([Double].self, forKey: MemberName(name)), !many.isEmpty {
            list = many
        } else {
            throw SpecificationError("\(place): '\(name)' is neither a number nor a list of numbers")
        }
        try check(name, list, range)
        return list
    }

    /// A number, or the two ends of a range.
    func range(_ name: String, in limits: ClosedRange<Double>) throws -> ClosedRange<Double>? {
        guard let ends = try numbers(name, in: limits) else { return nil }
        guard ends.count <= 2, ends[0] <= ends[ends.count - 1] else {
            throw SpecificationError("\(place): '\(name)' is neither a number nor the two ends of a range")
        }
        return ends[0]...ends[ends.count - 1]
    }

    func has(_ name: String) -> Bool { container.contains(MemberName(name)) }

    /// The objects of a list.
    func list<Element>(_ name: String, _ make: (any Decoder, String) throws -> Element) throws -> [Element] {
        guard has(name) else { return [] }
        guard var list = try? container.nestedUnkeyedContainer(forKey: MemberName(name)) else {
            throw SpecificationError("\(place): '\(name)' is not a list")
        }
        var elements: [Element] = []
        while !list.isAtEnd {
            let place = "\(name)[\(elements.count)]"
            guard let element = try? list.superDecoder(), (try? element.container(keyedBy: MemberName.self)) != nil
            else {
                throw SpecificationError("\(place): is not an object")
            }
            elements.append(try make(element, place))
        }
        return elements
    }

    private func check(_ name: String, _ numbers: [Double], _ range: ClosedRange<Double>) throws {
        guard let bad = numbers.first(where: { !range.contains($0) }) else { return }
        throw SpecificationError("\(place): \(name) \(bad) is outside \(range.lowerBound)…\(range.upperBound)")
    }

    private static func word(_ type: Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is [String].Type: "a list of texts"
        case is Int.Type, is UInt64.Type: "a whole number"
        default: "a number"
        }
    }
}

extension SyntheticSpecification: Decodable {
    public init(from decoder: any Decoder) throws {
        let members = try Members(
            decoder, "specification", known: ["seed", "durationSeconds", "startSeconds", "markets", "events", "delays"])
        let markets = try members.list("markets", Self.markets).flatMap { $0 }
        guard !markets.isEmpty else {
            throw SpecificationError("specification: needs 'markets', a list with at least one")
        }
        guard markets.count <= Self.marketLimit else {
            throw SpecificationError("specification: more than \(Self.marketLimit) markets")
        }
        var symbols: Set<String> = []
        for market in markets where !symbols.insert(market.listing.symbol).inserted {
            throw SpecificationError("markets: '\(market.listing.symbol)' stands twice")
        }
        let events = try members.list("events") { decoder, place in try Self.rule(decoder, place, symbols) }
        let start = try members.number("startSeconds", in: 0...9e9)
        self.init(
            markets: markets, events: events, seed: try members.value("seed") ?? 1,
            durationSeconds: try members.number("durationSeconds", in: 0.1...31_622_400) ?? 3_600,
            startTime: start.map { Timestamp(nanoseconds: Int64($0) * 1_000_000_000) } ?? Self.usualStart)
        if let name = try members.value("delays", as: String.self) {
            guard let known = ArrivalDelays.Name(rawValue: name) else {
                throw SpecificationError("specification: delays '\(name)' is neither measured nor none")
            }
            delays = known
        }
    }

    private static func markets(_ decoder: any Decoder, _ place: String) throws -> [SyntheticParameters] {
        let members = try Members(
            decoder, place,
            known: [
                "symbols", "rateFactor", "orderRate", "marketOrderRate", "volatility", "spreadTicks", "restingOrders",
                "startPrice", "correlation",
            ])
        let symbols = try members.needed("symbols", as: [String].self)
        return try symbols.map { name in
            let symbol = name.uppercased()
            guard Listing.isSymbol(symbol) else {
                throw SpecificationError(
                    "\(place): '\(name)' is no symbol: 1 to 20 letters, digits, dashes, underscores or dots")
            }
            var market = SyntheticParameters(symbol: symbol)
            if let price = try members.number("startPrice", in: 1e-6...1e6) {
                market.moveStart(to: price)
            }
            market.scaleRates(by: try members.number("rateFactor", in: 0.001...100) ?? 1)
            market.orderRate = try members.number("orderRate", in: 1...100_000) ?? market.orderRate
            market.marketOrderRate = try members.number("marketOrderRate", in: 0.001...10_000) ?? market.marketOrderRate
            market.volatility = try members.number("volatility", in: 0.001...100) ?? market.volatility
            market.spreadTicks = Int64(try members.number("spreadTicks", in: 1...10_000) ?? Double(market.spreadTicks))
            market.restingOrders =
                Int(try members.number("restingOrders", in: 200...1_000_000) ?? Double(market.restingOrders))
            market.correlation = try members.number("correlation", in: 0...1) ?? market.correlation
            return market
        }
    }

    /// - Parameter symbols: the markets that a rule may name; `nil` if they are not known.
    static func rule(_ decoder: any Decoder, _ place: String, _ symbols: Set<String>?) throws -> PlantingRule {
        let members = try Members(
            decoder, place,
            known: ["type", "symbol", "atSeconds", "everySeconds", "lengthSeconds", "size", "direction"])
        let name = try members.needed("type", as: String.self)
        guard let type = PlantedEventType(rawValue: name) else {
            let known = PlantedEventType.allCases.map(\.rawValue).joined(separator: ", ")
            throw SpecificationError("\(place): unknown type '\(name)'; known are \(known)")
        }
        let symbol = try members.value("symbol", as: String.self)?.uppercased()
        if let symbol, let symbols, !symbols.contains(symbol) {
            throw SpecificationError("\(place): '\(symbol)' is none of the markets")
        }
        let timing: PlantingRule.Timing
        switch (try members.numbers("atSeconds", in: 0...1e9), try members.range("everySeconds", in: 0.1...1e6)) {
        case (let moments?, nil): timing = .atSeconds(moments.sorted())
        case (nil, let pause?): timing = .everySeconds(pause)
        default: throw SpecificationError("\(place): needs exactly one of atSeconds, everySeconds")
        }
        guard let length = try members.range("lengthSeconds", in: 0.5...86_400) else {
            throw SpecificationError("\(place): needs the member 'lengthSeconds'")
        }
        guard let sizes = try members.numbers("size", in: type.sizes) else {
            throw SpecificationError("\(place): needs the member 'size'")
        }
        var direction: AggressorSide?
        if let text = try members.value("direction", as: String.self) {
            guard type.hasDirection else { throw SpecificationError("\(place): \(name) has no direction") }
            guard let side = AggressorSide(name: text) else {
                throw SpecificationError("\(place): direction '\(text)' is neither buy nor sell")
            }
            direction = side
        }
        return PlantingRule(
            type, symbol: symbol, timing: timing, lengthSeconds: length, sizes: sizes, direction: direction)
    }
}

extension AggressorSide {
    /// `buy` or `sell`.
    public var name: String { self == .buy ? "buy" : "sell" }

    init?(name: String) {
        switch name {
        case "buy": self = .buy
        case "sell": self = .sell
        default: return nil
        }
    }
}
