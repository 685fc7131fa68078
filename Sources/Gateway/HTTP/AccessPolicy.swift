import Runtime
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import Transport

/// A client's API key and its permissions.
struct APIKey: Sendable {
    enum Scope: String, Sendable, CaseIterable {
        case read, write
    }

    static let lengthRange = 16...256
    /// Most keys of a gateway: each request is compared with all of them.
    static let countLimit = 100

    /// Name for logs and metrics, which never contain the key itself.
    let name: String
    let scopes: Set<Scope>
    let key: String

    /// Reads entries `name:scope:key`, one per line or separated by commas; the scope is `read`, `write` or
    /// `read+write`. Empty lines and lines that begin with `#` are skipped; a list without a key is an error, as it
    /// would open the gateway to everybody. Errors never contain a key.
    static func list(_ text: String, setting: String) throws(ConfigurationError) -> [APIKey] {
        var keys: [APIKey] = []
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimming() }
        for line in lines where !line.hasPrefix("#") {
            for entry in line.split(separator: ",").map({ $0.trimming() }) where !entry.isEmpty {
                keys.append(try APIKey(entry, number: keys.count + 1, setting: setting))
            }
        }
        guard !keys.isEmpty else {
            throw ConfigurationError(
                setting: setting, problem: "holds no key; leave it unset to let everybody in, on loopback alone")
        }
        guard keys.count <= countLimit else {
            throw ConfigurationError(
                setting: setting, problem: "holds \(keys.count) keys; at most \(countLimit) can be")
        }
        guard Set(keys.map(\.name)).count == keys.count, Set(keys.map(\.key)).count == keys.count else {
            throw ConfigurationError(setting: setting, problem: "holds a name or a key twice")
        }
        return keys
    }

    private init(_ entry: Substring, number: Int, setting: String) throws(ConfigurationError) {
        let parts = entry.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].utf8.count <= 64 else {
            throw ConfigurationError(setting: setting, problem: "entry \(number) is not name:scope:key")
        }
        let scopes = parts[1].split(separator: "+").map { Scope(rawValue: String($0)) }
        guard !scopes.isEmpty, scopes.allSatisfy({ $0 != nil }) else {
            throw ConfigurationError(
                setting: setting, problem: "entry \(number): the scope is none of read, write, read+write")
        }
        guard Self.lengthRange.contains(parts[2].utf8.count), parts[2].utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw ConfigurationError(
                setting: setting,
                problem: "entry \(number): a key has \(Self.lengthRange.lowerBound) to \(Self.lengthRange.upperBound) "
                    + "printable ASCII characters without spaces")
        }
        name = String(parts[0])
        self.scopes = Set(scopes.compactMap(\.self))
        key = String(parts[2])
    }
}

extension Substring {
    fileprivate func trimming() -> Substring {
        let end = lastIndex { !$0.isWhitespace }.map { index(after: $0) } ?? startIndex
        return self[..<end].drop(while: \.isWhitespace)
    }
}

/// Who may make which requests, and how often. Without keys everybody may make every request.
final class AccessPolicy: Sendable {
    /// Most callers with their own rate limit. Above it, callers with an unused allowance are forgotten; if there are
    /// none, further callers share one allowance.
    static let callerLimit = 10_000

    private struct Entry {
        let name: String
        let scopes: Set<APIKey.Scope>
        let code: [UInt8]
    }

    private let entries: [Entry]
    /// Random per process: turns keys into HMACs of equal length, whose comparison reveals nothing about the keys.
    private let secret: [UInt8]
    private let rate: RateLimit?
    private let buckets = Mutex<[String: TokenBucket]>([:])

    /// - Parameter requestsPerSecond: limit per key, or per address if there are no keys; one second's worth may arrive
    ///   at once. `nil` sets no limit.
    init(keys: [APIKey] = [], requestsPerSecond: Int? = nil) {
        var generator = SystemRandomNumberGenerator()
        let secret = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        self.secret = secret
        entries = keys.map {
            Entry(
                name: $0.name, scopes: $0.scopes,
                code: HMACSHA256.authenticationCode(for: Array($0.key.utf8), key: secret))
        }
        rate = requestsPerSecond.map { rate in
            let burst = max(2, rate)
            return RateLimit(count: rate + burst, seconds: 1, burst: burst)
        }
    }

    /// Whether no request needs a check.
    var isOpen: Bool { entries.isEmpty && rate == nil }

    /// Admits a request, or throws 401, 403 or 429.
    func admit(_ request: Request, _ context: GatewayRequestContext, needing scope: APIKey.Scope) throws(Problem) {
        if isOpen { return }
        try admit(key: Self.key(of: request), address: context.channel.remoteAddress?.ipAddress, needing: scope)
    }

    /// - Parameter key: the key sent with the request.
    func admit(key: String?, address: String?, needing scope: APIKey.Scope) throws(Problem) {
        let caller = try entries.isEmpty ? address ?? "" : holder(of: key, scope)
        if let rate { try spend(rate, of: caller) }
    }

    private func holder(of key: String?, _ scope: APIKey.Scope) throws(Problem) -> String {
        guard let key, !key.isEmpty else {
            throw Problem(
                .unauthorized, "send a key: Authorization: Bearer KEY, or X-API-Key: KEY",
                headers: [.wwwAuthenticate: "Bearer realm=\"microstructure\""])
        }
        guard let entry = entry(of: key) else {
            throw Problem(
                .unauthorized, "this key is unknown",
                headers: [.wwwAuthenticate: "Bearer realm=\"microstructure\", error=\"invalid_token\""])
        }
        guard entry.scopes.contains(scope) else {
            throw Problem(.forbidden, "the key '\(entry.name)' has not the scope \(scope.rawValue)")
        }
        return entry.name
    }

    /// Name of the key with which `admit` admitted the request; empty if there are no keys.
    func caller(of request: Request) -> String { Self.key(of: request).flatMap { entry(of: $0) }?.name ?? "" }

    private static func key(of request: Request) -> String? {
        guard let value = request.headers[.authorization] else { return request.headers[.apiKey] }
        // Reject two credentials at once: a valid one must not make up for an invalid one.
        guard request.headers[.apiKey] == nil else { return "" }
        let parts = value.split(separator: " ", maxSplits: 1)
        return parts.count == 2 && parts[0].lowercased() == "bearer" ? String(parts[1]) : ""
    }

    /// Takes the same time however much of `key` matches: all codes are compared, and all of their bytes.
    private func entry(of key: String) -> Entry? {
        let code = HMACSHA256.authenticationCode(
            for: Array(key.utf8.prefix(APIKey.lengthRange.upperBound + 1)), key: secret)
        var found: Int?
        for (index, entry) in entries.enumerated() {
            var difference: UInt8 = 0
            for (left, right) in zip(code, entry.code) { difference |= left ^ right }
            if difference == 0 { found = index }
        }
        return found.map { entries[$0] }
    }

    private func spend(_ rate: RateLimit, of caller: String) throws(Problem) {
        let now = HostClock.monotonicNanoseconds
        let delay = buckets.withLock { buckets -> Int64 in
            var caller = caller
            if buckets[caller] == nil, buckets.count >= Self.callerLimit {
                buckets = buckets.filter { !$0.value.isFull(at: now) }
                if buckets.count >= Self.callerLimit { caller = "" }
            }
            var bucket = buckets[caller] ?? TokenBucket(rate)
            let delay = bucket.delay(at: now)
            if delay == 0 { bucket.take(at: now) }
            buckets[caller] = bucket
            return delay
        }
        guard delay > 0 else { return }
        let seconds = (delay + 999_999_999) / 1_000_000_000
        throw Problem(
            .tooManyRequests,
            "the rate of this \(entries.isEmpty ? "address" : "key") is used up; try again in \(seconds) s",
            headers: [.retryAfter: "\(seconds)"])
    }
}
