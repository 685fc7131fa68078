import HTTPTypes

extension HTTPField.Name {
    /// Where a stream's client had got to. Source: WHATWG HTML, server-sent events.
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    /// Tells a reverse proxy not to hold a stream back.
    static let accelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
