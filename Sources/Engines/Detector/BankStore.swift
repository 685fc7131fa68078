import Detection
import Foundation
import Microstructure

/// The detector banks on disk, one file a market, so that a restart goes on where it was: no warm-up, no second alarm for
/// what was reported. A file is there whole or not at all; one that cannot be used is as good as none, and says why.
struct BankStore {
    /// How a bank could not be taken up again.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private let folder: String
    private let encoder: JSONEncoder
    private let decoder: JSONDecoder

    /// - Parameter folder: made where it is missing.
    init(folder: String) throws {
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        encoder = JSONEncoder()
        // Swift prints the shortest text that reads back as the same double: the state survives bit for bit.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    /// Puts a bank in the place of its last checkpoint.
    func save(_ bank: DetectorBank) throws {
        let path = try path(bank.venue, bank.symbol)
        try encoder.encode(bank).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// The bank of the last checkpoint, ready for vectors of `schema`; `nil` where there is none. Throws a `Problem` where it is
    /// damaged, of another profile, or has learnt from a column that `schema` lacks or that means something else there.
    func load(_ venue: Venue, _ symbol: String, _ profile: Profile, _ schema: FeatureSchema) throws -> DetectorBank? {
        let path = try path(venue, symbol)
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        var bank: DetectorBank
        do {
            bank = try decoder.decode(DetectorBank.self, from: data)
        } catch {
            throw Problem(description: "\(path) is damaged")
        }
        guard bank.venue == venue, bank.symbol == symbol else {
            throw Problem(description: "\(path) is of another market")
        }
        guard bank.profile == profile else { throw Problem(description: "\(path) is of another profile") }
        do {
            try bank.bind(to: schema)
        } catch {
            throw Problem(description: "\(path): \(error)")
        }
        return bank
    }

    /// Symbols come from the bus: only what cannot lead out of the folder makes a name.
    private func path(_ venue: Venue, _ symbol: String) throws -> String {
        let isPlain = symbol.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || $0 == 0x5F || $0 == 0x2D
        }
        guard isPlain, (1...64).contains(symbol.utf8.count) else {
            throw Problem(description: "the symbol \(symbol.debugDescription) makes no file name")
        }
        return "\(folder)/\(venue.rawValue).\(symbol).json"
    }
}
