import HTTPTypes

extension HTTPField.Name {
    /// The last event that a stream's client received. Source: WHATWG HTML, server-sent events.
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    /// Makes a repeated POST count once. Source: draft-ietf-httpapi-idempotency-key-header.
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
    /// An alternative to Authorization.
    static let apiKey = HTTPField.Name("X-API-Key")!
    /// Tells a reverse proxy not to hold a stream back.
    static let accelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
