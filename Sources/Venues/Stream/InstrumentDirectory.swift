import Microstructure

/// A reader's instruments: found by the venue's spelling, with the scales of their numbers.
public struct InstrumentDirectory: Sendable {
    public private(set) var instruments: [Instrument]
    private var symbols: SymbolTable
    private var scales: [PriceScale]

    /// Throws `.badConfiguration` if two instruments have the same spelling.
    public init(_ instruments: [Instrument]) throws(VenueError) {
        self.instruments = instruments
        symbols = try Self.table(of: instruments)
        scales = instruments.map { PriceScale($0) }
    }

    private static func table(of instruments: [Instrument]) throws(VenueError) -> SymbolTable {
        guard let table = SymbolTable(instruments.map(\.venueSymbol)) else {
            throw .badConfiguration("an instrument is given twice")
        }
        return table
    }

    public var count: Int { instruments.count }
    func name(_ index: Int) -> String { instruments[index].venueSymbol }
    @inline(__always)
    func scale(_ index: Int) -> PriceScale { scales[index] }

    /// Adds an instrument, with the next index.
    mutating func add(_ instrument: Instrument) throws(VenueError) {
        symbols = try Self.table(of: instruments + [instrument])
        instruments.append(instrument)
        scales.append(PriceScale(instrument))
    }

    /// Gives an instrument other scales; its spelling stays.
    mutating func replace(_ instrument: Instrument, at index: Int) {
        instruments[index] = instrument
        scales[index] = PriceScale(instrument)
    }

    /// The index of the instrument that a text names, or −1, which `message` notes.
    @inline(__always)
    func index(of name: JSONString, _ scanner: borrowing JSONScanner, noting message: inout VenueMessage) -> Int {
        let index = scanner.withBytes(of: name) { symbols.index(of: $0) }
        message.index = index
        if index < 0 { message.setUnknown(name, scanner) }
        return index
    }

    /// The index of the instrument that `bytes` spell, or −1.
    func index(of bytes: UnsafeBufferPointer<UInt8>) -> Int { symbols.index(of: bytes) }
}
