import Runtime
import Microstructure

/// The rows of a CSV file, one in memory at a time. Lines that begin with `#` are comments.
final class CSVRows {
    /// Columns of a row that are looked at; the widest format has 104.
    static let columnLimit = 256

    let path: String
    /// The row at hand and where its fields lie, without quotes.
    private(set) var bytes: [UInt8] = []
    private(set) var fields: [Range<Int>] = []
    private(set) var line = 0
    /// Comments before the first row.
    private(set) var comments: [String] = []
    private let file: CaptureFile
    private var isHeld = false

    init(path: String) throws(LineReaderError) {
        self.path = path
        file = try CaptureFile(path: path)
    }

    var bytesRead: Int { file.bytesRead }

    /// Moves to the next row; returns `false` after the last.
    func next(_ report: inout ImportReport) -> Bool {
        if isHeld {
            isHeld = false
            return true
        }
        while let bytes = file.nextLine(&report) {
            line += 1
            if bytes.first == UInt8(ascii: "#") {
                if fields.isEmpty, comments.count < 256 { comments.append(String(decoding: bytes, as: UTF8.self)) }
                continue
            }
            if bytes.allSatisfy({ $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: " ") }) { continue }
            self.bytes = bytes
            split()
            return true
        }
        return false
    }

    /// Makes the next `next(_:)` return the current row again, after a check whether it is a header.
    func hold() { isHeld = true }

    /// The text of a field.
    func text(_ column: Int) -> String {
        column < fields.count ? String(decoding: bytes[fields[column]], as: UTF8.self) : ""
    }

    private func split() {
        fields.removeAll(keepingCapacity: true)
        var start = 0
        let end = bytes.last == UInt8(ascii: "\r") ? bytes.count - 1 : bytes.count
        for index in 0...end where index == end || bytes[index] == UInt8(ascii: ",") {
            var field = start..<index
            if field.count >= 2, bytes[start] == UInt8(ascii: "\""), bytes[index - 1] == UInt8(ascii: "\"") {
                field = start + 1..<index - 1
            }
            if fields.count < Self.columnLimit { fields.append(field) }
            start = index + 1
        }
    }
}

/// The columns of a file by their names. Case and punctuation do not matter: `Is Buyer Maker` is `isbuyermaker`.
struct CSVHeader {
    let names: [String]

    /// `nil` where the row is no header: its first field is a number.
    init?(_ rows: CSVRows) {
        guard let first = rows.fields.first, WholeNumber.parse(rows.bytes, first) == nil else { return nil }
        names = rows.fields.indices.map { rows.text($0).lowercased().filter { $0.isLetter || $0.isNumber } }
    }

    /// The column of the first of `candidates` that there is.
    func column(_ candidates: String...) -> Int? {
        for name in candidates {
            if let index = names.firstIndex(of: name) { return index }
        }
        return nil
    }
}

/// A value of the row at hand that cannot be used.
struct RowProblem: Error {
    let text: String
}

extension CSVRows {
    func time(_ column: Int, _ name: String) throws(RowProblem) -> Timestamp {
        guard column < fields.count, let time = RecordingTime.parse(bytes, fields[column]) else {
            throw problem(column, "\(name) is no time between 2009 and 2100")
        }
        return time
    }

    func integer(_ column: Int, _ name: String) throws(RowProblem) -> Int64 {
        // The id plus one must not overflow.
        guard column < fields.count, let value = WholeNumber.parse(bytes, fields[column]), value >= 0, value < .max
        else {
            throw problem(column, "\(name) is no whole number from 0 on")
        }
        return value
    }

    /// - Parameter allowsZero: a level of size zero is a removed level.
    func decimal(_ column: Int, _ name: String, allowsZero: Bool = false) throws(RowProblem) -> ExactDecimal {
        let value: ExactDecimal
        do throws(ExactDecimal.Problem) {
            guard column < fields.count else { throw .missing }
            value = try ExactDecimal(bytes, fields[column])
        } catch {
            switch error {
            case .missing: throw problem(column, "\(name) is missing")
            case .notANumber: throw problem(column, "\(name) is no number")
            case .negative: throw problem(column, "\(name) is negative")
            case .outOfRange:
                throw problem(column, "\(name) has more than \(ExactDecimal.digitLimit) digits or is out of range")
            }
        }
        guard allowsZero || value.mantissa > 0 else { throw problem(column, "\(name) is zero") }
        return value
    }

    func level(price: Int, quantity: Int) throws(RowProblem) -> ImportMessage.Level {
        ImportMessage.Level(
            price: try decimal(price, "price"), quantity: try decimal(quantity, "quantity", allowsZero: true))
    }

    func flag(_ column: Int, _ name: String) throws(RowProblem) -> Bool {
        switch text(column).lowercased() {
        case "1", "true": return true
        case "0", "false": return false
        default: throw problem(column, "\(name) is neither true nor false")
        }
    }

    func symbol(_ column: Int) throws(RowProblem) -> String {
        guard column < fields.count, let symbol = SymbolName.normalized(bytes[fields[column]]) else {
            throw problem(column, "no symbol")
        }
        return symbol
    }

    func problem(_ column: Int, _ what: String) -> RowProblem {
        RowProblem(text: "\(what): '\(text(column).prefix(40))'")
    }
}
