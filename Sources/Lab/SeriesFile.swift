import Foundation

/// A series of numbers from a CSV or JSON file.
struct SeriesFile {
    enum Failure: Error, CustomStringConvertible {
        case cannotOpen(String)
        case notASeries(String, String)

        var isMissing: Bool { if case .cannotOpen = self { true } else { false } }

        var description: String {
            switch self {
            case .cannotOpen(let path): "cannot open \(path)"
            case .notASeries(let path, let problem): "\(path) \(problem)"
            }
        }
    }

    /// The values that are there.
    let values: [Double]
    /// The place of each in the file, from 0.
    let places: [Int]
    /// Places in the file, missing values included.
    let count: Int

    init(path: String, column: String?) throws(Failure) {
        guard let bytes = FileManager.default.contents(atPath: path) else { throw .cannotOpen(path) }
        let cells =
            path.hasSuffix(".json") ? try Self.json(bytes, path) : try Self.csv(bytes, path, column)
        count = cells.count
        places = cells.indices.filter { cells[$0] != nil }
        values = cells.compactMap { $0 }
        guard values.count > 1 else { throw .notASeries(path, "holds fewer than two numbers") }
    }

    /// Reads an array of numbers, or the first series of a Turing Change Point Dataset file.
    private static func json(_ bytes: Data, _ path: String) throws(Failure) -> [Double?] {
        struct Dataset: Decodable {
            struct Series: Decodable { let raw: [Double?] }
            let series: [Series]
        }
        let decoder = JSONDecoder()
        if let numbers = try? decoder.decode([Double?].self, from: bytes) { return numbers }
        guard let dataset = try? decoder.decode(Dataset.self, from: bytes), let first = dataset.series.first else {
            throw .notASeries(path, "is neither an array of numbers nor {\"series\": [{\"raw\": […]}]}")
        }
        return first.raw
    }

    private static func csv(_ bytes: Data, _ path: String, _ column: String?) throws(Failure) -> [Double?] {
        let padding = CharacterSet.whitespaces.union(CharacterSet(charactersIn: "\""))
        // Blank lines at the end are ignored; elsewhere they count as lines.
        var lines = String(decoding: bytes, as: UTF8.self)
            .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        while lines.last?.allSatisfy(\.isWhitespace) == true { lines.removeLast() }
        let rows = lines.map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: padding) }
        }
        guard let top = rows.firstIndex(where: { $0 != [""] }) else { throw .notASeries(path, "is empty") }
        let header = rows[top]
        let place: Int
        if let column {
            guard let found = header.firstIndex(of: column) else {
                throw .notASeries(path, "has no column \(column); it has \(header.joined(separator: ", "))")
            }
            place = found
        } else {
            place = header.count - 1
        }
        // A first row that is a number is no header.
        let first = column == nil && Double(header[place]) != nil ? top : top + 1
        var cells: [Double?] = []
        for (number, row) in rows.enumerated().dropFirst(first) {
            // A blank line is a missing value in a file of one column; in a wider file it is ignored.
            guard header.count == 1 || row != [""] else { continue }
            guard row.count > place else { throw .notASeries(path, "has no column \(place + 1) in line \(number + 1)") }
            guard !row[place].isEmpty, row[place].lowercased() != "nan" else {
                cells.append(nil)
                continue
            }
            guard let value = Double(row[place]), value.isFinite else {
                throw .notASeries(path, "has '\(row[place])' for a number in line \(number + 1)")
            }
            cells.append(value)
        }
        return cells
    }
}
