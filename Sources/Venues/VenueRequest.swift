import Microstructure

/// A request to a venue's HTTP service: `GET`, the service's address and `target`.
public struct VenueRequest: Sendable, Hashable {
    public let path: String
    /// Without the question mark; empty if there is no query. Percent-encoded.
    public let query: String
    /// The request's cost against the venue's weight limit per minute.
    public let weight: Int

    public init(path: String, query: String = "", weight: Int) {
        self.path = path
        self.query = query
        self.weight = weight
    }

    public var target: String { query.isEmpty ? path : "\(path)?\(query)" }
}

/// Why a venue did not fulfil a request.
public struct VenueRefusal: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// The same request may succeed later.
        case temporary
        /// The request itself is wrong: repeating it cannot help.
        case invalid
        /// The venue does not know a symbol of the request, or does not accept its spelling.
        case unknownSymbol
        /// The venue does not serve this request to us: it requires a key, forbids the request, or does not have it.
        case notServed
    }

    public let kind: Kind
    /// The venue's own error, if it sent one.
    public let error: VenueError?

    public init(_ kind: Kind, _ error: VenueError? = nil) {
        self.kind = kind
        self.error = error
    }
}

/// The time stated by a venue's clock.
public struct ServerTime: Sendable, Hashable {
    public let time: Timestamp
    /// The unit of the answer, in ns: the true time lies within one unit above `time`.
    public let resolutionNanoseconds: Int64

    public init(time: Timestamp, resolutionNanoseconds: Int64) {
        self.time = time
        self.resolutionNanoseconds = resolutionNanoseconds
    }
}
