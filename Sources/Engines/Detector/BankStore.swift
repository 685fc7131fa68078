import Detection
import Foundation
import Microstructure

/// Checkpoints of the detector banks, one file per market. A restarted process continues without warm-up and without a
/// second alarm for reported events. Files are written atomically; an unusable file is ignored with a stated reason.
struct BankStore {
    /// Why a bank could not be restored.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private let folder: String
    private let encoder: JSONEncoder
    private let decoder: JSONDecoder

    /// - Parameter folder: created if it is missing.
    init(folder: String) throws {
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        encoder = JSONEncoder()
        // Swift prints the shortest text that parses to the same double, so the state is restored bit for bit.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    /// Replaces the bank's last checkpoint.
    func save(_ bank: DetectorBank) throws {
        let path = try path(bank.venue, bank.symbol)
        try encoder.encode(bank).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// The bank from the last checkpoint, bound to `schema`; `nil` if there is no checkpoint. Throws a `Problem` if the
    /// file is damaged, is of another profile, or has learnt from a column that `schema` lacks or defines differently.
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

    /// Symbols come from the bus: only symbols that cannot lead out of the folder become file names.
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
