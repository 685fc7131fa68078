import Foundation
import Logging
import Microstructure
import Transport
import Venues

/// What the venue says about some symbols, and the limits that it stated with them.
struct CatalogEntry {
    /// May contain symbols not requested.
    var listings: [VenueListing]
    /// Request weight a minute; `nil` if the venue did not state it.
    var weightLimit: Int?
}

/// The venue's rules for our symbols: requested at the start and stored on disk, so that a process can start while the
/// venue does not answer. The files are the venue's unchanged answers.
struct InstrumentCatalog<Adapter: VenueAdapter> {
    private let rest: VenueREST<Adapter>
    private let cacheFile: String?
    private let logger: Logger

    init(_ rest: VenueREST<Adapter>, cacheFile: String?, logger: Logger) {
        self.rest = rest
        self.cacheFile = cacheFile
        self.logger = logger
    }

    func ask(_ symbols: [String], _ completion: @escaping @Sendable (Result<RESTAnswer, RESTFailure>) -> Void) {
        rest.send(rest.adapter.instrumentsRequest(for: symbols), completion)
    }

    /// Reads the venue's answer and stores it.
    func read(_ body: [UInt8], for symbols: [String]) throws(RESTFailure) -> CatalogEntry {
        let entry = try Self.decode(body, rest.adapter)
        if let path = path(symbols) { store(body, in: path) }
        return entry
    }

    /// The venue's last stored answer; `nil` if nothing usable is stored. A request that the venue refused was halved,
    /// so the answers to its halves count as well.
    func cached(_ symbols: [String]) -> CatalogEntry? {
        if let data = path(symbols).flatMap({ FileManager.default.contents(atPath: $0) }),
            let entry = try? Self.decode([UInt8](data), rest.adapter)
        {
            return entry
        }
        let halves = ListingSearch.halves(symbols).compactMap { cached($0) }
        guard !halves.isEmpty else { return nil }
        return CatalogEntry(
            listings: halves.flatMap(\.listings), weightLimit: halves.compactMap(\.weightLimit).first)
    }

    static func decode(_ body: [UInt8], _ adapter: Adapter) throws(RESTFailure) -> CatalogEntry {
        do {
            return CatalogEntry(
                listings: try adapter.listings(in: body.span), weightLimit: adapter.requestWeightLimit(in: body.span))
        } catch {
            throw RESTFailure(attempted: "exchange information", reason: "\(error)")
        }
    }

    /// Writes atomically: a starting process must not read half a file.
    private func store(_ body: [UInt8], in path: String) {
        do {
            try Data(body).write(to: URL(filePath: path), options: .atomic)
        } catch {
            logger.warning("the venue's rules are not kept for the next start", metadata: ["error": "\(error)"])
        }
    }

    /// The symbols are part of the file's name.
    private func path(_ symbols: [String]) -> String? {
        guard let cacheFile else { return nil }
        var hash = StableHash()
        for byte in symbols.joined(separator: ",").utf8 { hash.combine(byte: byte) }
        return "\(cacheFile)-\(String(hash.value, radix: 16)).json"
    }
}
