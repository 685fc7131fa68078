import Foundation
import Microstructure

@testable import Venues

/// Nanoseconds of a time as the venue writes it.
func nanoseconds(_ text: String) -> Int64? {
    Array(text.utf8).withUnsafeBufferPointer { ISO8601.time($0, 0..<$0.count)?.nanoseconds }
}

extension Instrument {
    static let coinbase = ["BTC-USD", "ETH-USD"].map { name in
        Instrument(
            venue: .coinbase, symbol: name.filter { $0 != "-" }, venueSymbol: name, priceExponent: -2,
            quantityExponent: -8)
    }
}

extension StreamLab {
    /// Of Coinbase's two products.
    static func coinbase(_ adapter: Reader.Adapter) throws -> StreamLab {
        try StreamLab(adapter, Instrument.coinbase, start: Timestamp(nanoseconds: 1_790_000_000_000_000_000))
    }
}
