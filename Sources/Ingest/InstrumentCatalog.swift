import Foundation
import Logging
import Microstructure
import Transport
import Venues

/// A process's instruments, and the limits that the venue stated with them.
struct CatalogEntry {
    /// In the order requested.
    var instruments: [Instrument]
    /// Request weight a minute; `nil` if the venue did not state it.
    var weightLimit: Int?
}

/// The venue's rules for our symbols: requested at the start and stored on disk, so that a process can start while the
/// venue does not answer. The file is the venue's unchanged answer.
struct InstrumentCatalog<Adapter: VenueAdapter> {
    private let rest: VenueREST<Adapter>
    private let cacheFile: String?
    private let logger: Logger

    init(_ rest: VenueREST<Adapter>, cacheFile: String?, logger: Logger) {
        self.rest = rest
        self.cacheFile = cacheFile
        self.logger = logger
    }

    func ask(_ symbols: [String], _ completion: @escaping @Sendable (Result<[UInt8], RESTFailure>) -> Void) {
        rest.send(rest.adapter.instrumentsRequest(for: symbols)) { result in completion(result.map(\.body)) }
    }

    /// Reads the venue's answer and stores it.
    func read(_ body: [UInt8], for symbols: [String]) throws(RESTFailure) -> CatalogEntry {
        let entry = try decode(body, for: symbols)
        if let cacheFile { store(body, in: "\(cacheFile)-\(Self.key(symbols))") }
        return entry
    }

    private static var attempted: String { "exchange information" }

    /// The venue's last stored answer; `nil` if nothing usable is stored.
    func cached(_ symbols: [String]) -> CatalogEntry? {
        guard let cacheFile, let data = FileManager.default.contents(atPath: "\(cacheFile)-\(Self.key(symbols))") else {
            return nil
        }
        return try? decode([UInt8](data), for: symbols)
    }

    private func decode(_ body: [UInt8], for symbols: [String]) throws(RESTFailure) -> CatalogEntry {
        let known: [Instrument]
        do {
            known = try rest.adapter.instruments(in: body.span)
        } catch {
            throw RESTFailure(attempted: Self.attempted, reason: "\(error)")
        }
        let bySymbol = Dictionary(known.map { ($0.symbol, $0) }, uniquingKeysWith: { first, _ in first })
        var ordered: [Instrument] = []
        for symbol in symbols {
            guard let instrument = bySymbol[symbol] else {
                throw RESTFailure(
                    attempted: Self.attempted, reason: "the venue does not list \(symbol)", kind: .invalid)
            }
            ordered.append(instrument)
        }
        return CatalogEntry(
            instruments: ordered, weightLimit: rest.adapter.requestWeightLimit(in: body.span))
    }

    /// Writes atomically: a starting process must not read half a file.
    private func store(_ body: [UInt8], in path: String) {
        do {
            try Data(body).write(to: URL(filePath: path), options: .atomic)
        } catch {
            logger.warning("the venue's rules are not kept for the next start", metadata: ["error": "\(error)"])
        }
    }

    /// The symbols as part of a file name.
    private static func key(_ symbols: [String]) -> String {
        var hash = StableHash()
        for byte in symbols.joined(separator: ",").utf8 { hash.combine(byte: byte) }
        return String(hash.value, radix: 16) + ".json"
    }
}
