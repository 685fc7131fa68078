/// How to open and maintain a connection to a venue.
public struct ConnectionPlan: Sendable, Hashable {
    /// Path and query, to be appended to the venue's WebSocket address.
    public var target: String
    /// Additional headers of the handshake.
    public var headers: [VenueHeader] = []
    /// Text messages to send once the connection is open, in this order.
    public var subscriptions: [String] = []
    /// Least time between two messages to the venue.
    public var messageSpacingMilliseconds: Int
    /// Time between two WebSocket pings.
    public var pingIntervalMilliseconds: Int
    /// The venue ends connections that do not send this message.
    public var keepAlive: KeepAlive?

    /// A text message repeated while the connection is open.
    public struct KeepAlive: Sendable, Hashable {
        public var text: String
        public var intervalMilliseconds: Int

        public init(text: String, intervalMilliseconds: Int) {
            self.text = text
            self.intervalMilliseconds = intervalMilliseconds
        }
    }

    public init(target: String, messageSpacingMilliseconds: Int, pingIntervalMilliseconds: Int) {
        self.target = target
        self.messageSpacingMilliseconds = messageSpacingMilliseconds
        self.pingIntervalMilliseconds = pingIntervalMilliseconds
    }
}

/// A header of an HTTP request or of a WebSocket handshake. Its text is its name alone, since a value may be a key.
public struct VenueHeader: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    public var description: String { name }
    public var customMirror: Mirror { Mirror(self, children: [(label: "name", value: name)]) }
}
