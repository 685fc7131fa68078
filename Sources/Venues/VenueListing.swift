import Microstructure

/// A symbol as its venue lists it.
public struct VenueListing: Sendable, Hashable {
    /// The spelling on the bus.
    public let symbol: String
    public let status: TradingStatus
    /// The venue's own word for the status.
    public let statusText: String
    /// The trading rules; a failure if they cannot be read.
    public let instrument: Result<Instrument, VenueError>

    public init(
        symbol: String, status: TradingStatus, statusText: String? = nil, instrument: Result<Instrument, VenueError>
    ) {
        self.symbol = symbol
        self.status = status
        self.statusText = statusText ?? status.rawValue
        self.instrument = instrument
    }
}
