import Microstructure

/// Deribit's futures and spot markets for `ingest`. Options and combinations are not served.
///
/// Source: Deribit API v2 (JSON-RPC 2.0) documentation, 2026-08.
public struct DeribitAdapter: VenueAdapter {
    public let options: VenueOptions

    public init(options: VenueOptions) { self.options = options }

    static let endpoint = VenueEndpoint(
        name: "deribit", venueProtocol: .deribit, webSocketURL: "wss://streams.deribit.com",
        restURL: "https://www.deribit.com", limits: limits, timeUnit: .milliseconds,
        lossShows: "`prev_change_id`", quoteChannel: "quote")

    static let limits = VenueLimits(
        // The venue names no limit of channels. 32 connections of one address may be open at once, requests among them.
        symbols: 200, connectionAttempts: 30, connectionWindowSeconds: 60, connectionSeconds: 82_800,
        // The venue counts credits; requests without a key share a smaller number that it does not state.
        requestWeight: 300, tradesPerRequest: 1_000)

    public var venue: Venue { .deribit }
    public var limits: VenueLimits { Self.limits }

    // MARK: Connecting

    /// Channels named in one message.
    private static let channelsPerMessage = 90

    public func connectionPlan(for instruments: [Instrument], targetByteLimit: Int) -> ConnectionPlan {
        // About 3.3 subscriptions a second are allowed.
        var plan = ConnectionPlan(
            target: "/ws/api/v2", messageSpacingMilliseconds: 350, pingIntervalMilliseconds: 15_000)
        let channels = instruments.flatMap { instrument in
            [Self.book(instrument.venueSymbol)] + [
                "trades.\(instrument.venueSymbol).100ms", "quote.\(instrument.venueSymbol)",
            ]
        }
        plan.subscriptions = stride(from: 0, to: channels.count, by: Self.channelsPerMessage).map { start in
            Self.subscription(channels[start..<min(start + Self.channelsPerMessage, channels.count)])
        }
        // The answer to a `test_request` too, which the venue sends only where a client has asked for heartbeats.
        plan.keepAlive = ConnectionPlan.KeepAlive(
            text: #"{"jsonrpc":"2.0","id":0,"method":"public/test","params":{}}"#, intervalMilliseconds: 20_000)
        return plan
    }

    /// The book in steps of 100 ms: without them (`raw`) the venue demands a key.
    static func book(_ symbol: String) -> String { "book.\(symbol).100ms" }

    /// The id says how many channels are asked for: the venue leaves those that it does not know out of its answer
    /// without saying so, and `DeribitReader` counts.
    static func subscription(_ channels: some Collection<String>) -> String {
        request("public/subscribe", id: channels.count, channels)
    }

    static func cancellation(_ channels: some Collection<String>) -> String {
        request("public/unsubscribe", id: 0, channels)
    }

    private static func request(_ method: String, id: Int, _ channels: some Collection<String>) -> String {
        let list = channels.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{"channels":[\#(list)]}}"#
    }

    // MARK: Requests

    public var requestHeaders: [VenueHeader] { [] }

    /// All instruments of the symbols' kind: the venue has no request for several symbols.
    public func instrumentsRequest(for symbols: [String]) -> VenueRequest {
        let kinds = Set(symbols.map(DeribitName.kind))
        let kind = kinds.count == 1 ? kinds.first.map { "&kind=\($0.rawValue)" } ?? "" : ""
        // The venue allows about one such request a second.
        return VenueRequest(path: "/api/v2/public/get_instruments", query: "currency=any\(kind)", weight: 5)
    }
    public func clockRequest() -> VenueRequest? { VenueRequest(path: "/api/v2/public/get_time", weight: 1) }
    public func requestWeightLimit(in body: Span<UInt8>) -> Int? { nil }
    public var usedWeightHeader: String? { nil }

    public func serverTime(in body: Span<UInt8>) throws(VenueError) -> ServerTime {
        var milliseconds: Int64?
        try Self.result(of: body, .serverTime) { (scanner) throws(ScanError) in
            milliseconds = try scanner.wholeNumber()
        }
        guard let milliseconds, let time = VenueTimeUnit.milliseconds.timestamp(milliseconds) else {
            throw .rejected(Rejection(.outOfRange, in: .serverTime, field: "result", at: 0))
        }
        return ServerTime(time: time, resolutionNanoseconds: 1_000_000)
    }

    /// Reads `{"jsonrpc":"2.0","result":…}`; the venue's error is thrown as `.refused`.
    static func result(
        of body: Span<UInt8>, _ payload: PayloadKind, _ read: (inout JSONScanner) throws(ScanError) -> Void
    ) throws(VenueError) {
        var failure: DeribitFailure?
        var hasResult = false
        try JSONScanner.answer(body, payload) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "result") {
                    hasResult = true
                    try read(&scanner)
                } else if scanner.equals(key, "error") {
                    failure = try DeribitFailure(&scanner)
                } else {
                    try scanner.skipValue()
                }
            }
        }
        if let failure { throw failure.refusal }
        guard hasResult else { throw .rejected(Rejection(.missingField, in: payload, field: "result", at: 0)) }
    }

    public func refusal(status: Int, body: Span<UInt8>) -> VenueRefusal {
        if let failure = Self.failure(in: body) { return VenueRefusal(failure.kind, failure.refusal) }
        return switch status {
        case 401, 403, 404: VenueRefusal(.notServed)
        case 400: VenueRefusal(.invalid)
        default: VenueRefusal(.temporary)
        }
    }

    private static func failure(in body: Span<UInt8>) -> DeribitFailure? {
        var failure: DeribitFailure?
        try? JSONScanner.answer(body, .control) { (scanner) throws(ScanError) in
            try scanner.eachMember { (key, scanner) throws(ScanError) in
                if scanner.equals(key, "error") {
                    failure = try DeribitFailure(&scanner)
                } else {
                    try scanner.skipValue()
                }
            }
        }
        return failure
    }
}

/// The venue's own error: `{"code":-32602,"message":"Invalid params","data":{"reason":"…","param":"instrument_name"}}`.
struct DeribitFailure {
    private(set) var code: Int64 = 0
    private(set) var message = ""
    /// The parameter at fault; empty if none is named.
    private(set) var parameter = ""

    /// `nil` for `null`: no error.
    init?(_ scanner: inout JSONScanner) throws(ScanError) {
        guard try scanner.peek() != .null else {
            try scanner.null()
            return nil
        }
        guard try scanner.peek() == .object else {
            message = try Self.text(&scanner)
            return
        }
        var reason = ""
        try scanner.eachMember { (key, scanner) throws(ScanError) in
            if scanner.equals(key, "code") {
                code = try scanner.wholeNumber() ?? 0
            } else if scanner.equals(key, "message") {
                message = try Self.text(&scanner)
            } else if scanner.equals(key, "data"), try scanner.peek() == .object {
                try scanner.eachMember { (key, scanner) throws(ScanError) in
                    if scanner.equals(key, "reason") {
                        reason = try Self.text(&scanner)
                    } else if scanner.equals(key, "param") {
                        parameter = try Self.text(&scanner)
                    } else {
                        try scanner.skipValue()
                    }
                }
            } else {
                try scanner.skipValue()
            }
        }
        let detail = [parameter, reason].filter { !$0.isEmpty }.joined(separator: ": ")
        if !detail.isEmpty { message += " (\(detail))" }
    }

    private static func text(_ scanner: inout JSONScanner) throws(ScanError) -> String {
        guard try scanner.peek() == .string else {
            try scanner.skipValue()
            return ""
        }
        return scanner.text(of: try scanner.string())
    }

    var refusal: VenueError { .refused(code: code, message: message) }

    var kind: VenueRefusal.Kind {
        switch code {
        // invalid_or_unsupported_instrument, not_found.
        case 10_020, 13_020: .unknownSymbol
        // too_many_requests, retry, settlement_in_progress, matching_engine_queue_full, too_many_concurrent_requests,
        // temporarily_unavailable, timed_out.
        case 10_028, 10_040, 10_041, 10_047, 10_066, 13_028, 13_888: .temporary
        // Invalid params.
        case -32_602: parameter == "instrument_name" ? .unknownSymbol : .invalid
        // Method not found, authorization_required, invalid_credentials, unauthorized, forbidden,
        // raw_subscriptions_not_available_for_unauthorized.
        case -32_601, 10_000, 13_004, 13_009, 13_021, 13_403, 13_778: .notServed
        case 11_000..<12_000, -32_700 ... -32_600: .invalid
        default: .temporary
        }
    }
}
