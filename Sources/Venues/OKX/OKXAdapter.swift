import Microstructure

/// OKX for `ingest`: spot, perpetuals and futures, all at one address. Source: OKX API v5, 2026-08.
public struct OKXAdapter: VenueAdapter {
    public let options: VenueOptions

    public init(options: VenueOptions) { self.options = options }

    static let endpoint = VenueEndpoint(
        name: "okx", venueProtocol: .okx, webSocketURL: "wss://ws.okx.com",
        restURL: "https://www.okx.com", limits: limits, timeUnit: .milliseconds,
        lossShows: "`prevSeqId`; a checksum until 2026-06-23", quoteChannel: "bbo-tbt")

    static let limits = VenueLimits(
        symbols: 200,
        // Three a second.
        connectionAttempts: 90, connectionWindowSeconds: 60, connectionSeconds: 82_800,
        // 40 books in two seconds; 20 lists of instruments.
        requestWeight: 600, tradesPerRequest: 100)

    public var venue: Venue { .okx }
    public var limits: VenueLimits { Self.limits }

    /// Arguments of one message: its length must stay below 64 kB, and one has 60 bytes.
    private static let argumentLimit = 100

    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        var plan = ConnectionPlan(
            // 480 requests an hour: 200 symbols take six.
            target: "/ws/v5/public", messageSpacingMilliseconds: 350, pingIntervalMilliseconds: 15_000)
        // The venue ends a connection that has been silent for 30 seconds; answers with `pong`.
        plan.keepAlive = ConnectionPlan.KeepAlive(text: "ping", intervalMilliseconds: 20_000)
        let arguments = ["books", "trades", "bbo-tbt"].flatMap { channel in
            instruments.map { Self.argument(channel, $0.venueSymbol) }
        }
        for start in stride(from: 0, to: arguments.count, by: Self.argumentLimit) {
            plan.subscriptions.append(
                Self.request("subscribe", arguments[start..<min(start + Self.argumentLimit, arguments.count)]))
        }
        return plan
    }

    static func argument(_ channel: String, _ symbol: String) -> String {
        #"{"channel":"\#(channel)","instId":"\#(symbol)"}"#
    }

    static func request(_ operation: String, _ arguments: some Sequence<String>) -> String {
        #"{"op":"\#(operation)","args":[\#(arguments.joined(separator: ","))]}"#
    }

    public var requestHeaders: [VenueHeader] { [] }

    /// A request is for one type of instrument: that of the first symbol. Symbols of other types are not in its answer;
    /// `listingBatches` keeps them apart.
    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        VenueRequest(
            path: "/api/v5/public/instruments",
            query: "instType=\(OKXInstrumentType(of: symbols.first ?? "").rawValue)", weight: 1)
    }

    /// `symbols`, in the spelling of the bus, in groups that one request lists.
    public func listingBatches(of symbols: [String]) -> [[String]] {
        OKXInstrumentType.allCases.map { type in symbols.filter { OKXInstrumentType(of: $0) == type } }
            .filter { !$0.isEmpty }
    }

    public func clockRequest() -> VenueRequest? { VenueRequest(path: "/api/v5/public/time", weight: 1) }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        var time: Timestamp?
        try Self.eachRow(of: body, .serverTime) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                guard scanner.equals(key, "ts") else { return try scanner.skipValue() }
                time = try scanner.millisecondTime()
            }
        }
        guard let time else { throw .rejected(Rejection(.missingField, in: .serverTime, field: "ts", at: 0)) }
        return ServerTime(time: time, resolutionNanoseconds: 1_000_000)
    }

    /// Reads each element of `{"code":"0","msg":"","data":[…]}`; the venue's error is thrown as `.refused`.
    static func eachRow(
        of body: Span<UInt8>, _ payload: PayloadKind, _ read: (inout JSONScanner) throws(ScanError) -> Void
    ) throws(VenueError) {
        var answer = OKXAnswer()
        try JSONScanner.answer(body, payload) { (scanner) throws(ScanError) in
            try answer.read(&scanner)
            guard answer.code == 0, var data = answer.data else { return }
            try data.eachElement(read)
            answer.data = nil
        }
        guard let code = answer.code else {
            throw .rejected(Rejection(.missingField, in: payload, field: "code", at: 0))
        }
        guard code == 0 else { throw .refused(code: code, message: answer.text) }
    }

    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        var answer = OKXAnswer()
        _ = try? JSONScanner.answer(body, .exchangeInfo) { (scanner) throws(ScanError) in try answer.read(&scanner) }
        let error = answer.code.flatMap { $0 == 0 ? nil : VenueError.refused(code: $0, message: answer.text) }
        switch answer.code {
        // The instrument does not exist, in two ways of saying so.
        case 51_001: return VenueRefusal(.unknownSymbol, error)
        case 51_000 where answer.text.contains("instId"): return VenueRefusal(.unknownSymbol, error)
        // Parameters missing, wrong, or at odds with each other.
        case 50_014, 50_015, 50_016, 50_024, 50_025, 51_000: return VenueRefusal(.invalid, error)
        // Too many requests; the server's own trouble.
        case 50_001, 50_004, 50_005, 50_011, 50_013, 50_026, 50_061: return VenueRefusal(.temporary, error)
        default: break
        }
        switch status {
        case 401, 403, 404: return VenueRefusal(.notServed, error)
        case 400: return VenueRefusal(.invalid, error)
        default: return VenueRefusal(.temporary, error)
        }
    }
}

/// The types of instruments, told by a symbol in the spelling of the bus: `BTCUSDT`, `BTCUSDTSWAP`, `BTCUSD220527`.
enum OKXInstrumentType: String, Sendable, Hashable, CaseIterable {
    case spot = "SPOT"
    case perpetual = "SWAP"
    case future = "FUTURES"

    init(of symbol: String) {
        let end = symbol.utf8.suffix(6)
        let isDay = end.count == 6 && end.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        self = symbol.hasSuffix("SWAP") ? .perpetual : isDay ? .future : .spot
    }
}

/// An answer over HTTP, `{"code":"0","msg":"","data":[…]}`.
struct OKXAnswer {
    /// 0 is success.
    var code: Int64?
    var text = ""
    var data: JSONScanner?

    mutating func read(_ scanner: inout JSONScanner) throws(ScanError) {
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "code") {
                code = try scanner.wholeNumber()
            } else if scanner.equals(key, "msg") {
                text = try scanner.optionalText() ?? ""
            } else if scanner.equals(key, "data"), try scanner.peek() == .array {
                data = scanner
                try scanner.skipValue()
            } else {
                try scanner.skipValue()
            }
        }
    }
}
