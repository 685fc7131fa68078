import Runtime
import Detection
import Evaluation
import Foundation
import Microstructure

/// Signals of a file with one JSON object per line, and the time spans that it states as watched.
struct SignalLines {
    private(set) var detections: [EventScore.Detection] = []
    private(set) var spans: [EventScore.Span] = []
    /// The types of all signals, taken or not.
    private var typesSeen: Set<String> = []

    /// A line is either a signal, as the gateway and `microlab detect` write it, or a span.
    private struct Line: Decodable {
        var symbol: String?
        var symbols: [String]?
        var signalType: String?
        var type: String?
        var detectedTimeNs: WholeNanoseconds?
        var timestamp: Double?
        var firstTimeNs: WholeNanoseconds?
        var lastTimeNs: WholeNanoseconds?

        enum CodingKeys: String, CodingKey {
            case symbol, symbols, type, timestamp
            case signalType = "signal_type"
            case detectedTimeNs = "detected_time_ns"
            case firstTimeNs = "first_time_ns"
            case lastTimeNs = "last_time_ns"
        }
    }

    /// Protobuf's JSON writes 64-bit numbers as text.
    private struct WholeNanoseconds: Decodable {
        let value: Int64

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                value = number
            } else if let number = Int64(try container.decode(String.self)) {
                value = number
            } else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "no whole number")
            }
        }
    }

    /// Throws if the file has neither a signal nor a span and the caller does not know what was watched, or if a type
    /// is neither a detector's nor in the file.
    /// - Parameters:
    ///   - types: signal types to take; empty takes all.
    ///   - isWatched: the caller knows what was watched, so that a file without signals says that there were none.
    init(path: String, types: Set<String>, isWatched: Bool) throws {
        do throws(LineReaderError) {
            var reader = try LineReader(path: path)
            while let bytes = try reader.next() {
                guard bytes.contains(where: { $0 > UInt8(ascii: " ") }) else { continue }
                if let problem = take(bytes, types) {
                    throw LineReaderError(
                        path: path, line: reader.lineNumber, problem: .corrupt(reason: problem))
                }
            }
        } catch {
            throw ImportError(error)
        }
        guard isWatched || !typesSeen.isEmpty || !spans.isEmpty else {
            throw ImportError(
                .noUsableData, "\(path) holds neither a signal nor a span; if nothing was signalled, give --span")
        }
        let known = typesSeen.union([SignalType.drift, .burst, .regimeChange].map(\.rawValue))
        if let unknown = types.subtracting(known).min() {
            throw ImportError(
                .noUsableData,
                "\(path) has no signal of the type '\(unknown)' (--types); known are \(known.sorted().joined(separator: ", "))"
            )
        }
    }

    /// Adds a line; returns the problem with it, if any.
    private mutating func take(_ bytes: [UInt8], _ types: Set<String>) -> String? {
        guard let line = try? JSONDecoder().decode(Line.self, from: Data(bytes)) else {
            return "is neither a signal nor a span as JSON"
        }
        var names: [String] = []
        for text in (line.symbol.map { [$0] } ?? []) + (line.symbols ?? []) {
            guard let name = SymbolName.normalized(text.utf8) else { return "names no symbol: '\(text.prefix(40))'" }
            names.append(name)
        }
        if let first = line.firstTimeNs?.value, let last = line.lastTimeNs?.value {
            guard first <= last else { return "is a span that ends before it starts" }
            let all: [String?] = names.isEmpty ? [nil] : names
            spans += all.map { EventScore.Span(symbol: $0, startNanoseconds: first, endNanoseconds: last) }
            return nil
        }
        guard names.count == 1, let type = line.signalType ?? line.type else {
            return "is no signal: it needs symbol, signal_type and timestamp or detected_time_ns"
        }
        let seconds = line.timestamp.flatMap { (-9e9...9e9).contains($0) ? Int64(($0 * 1e9).rounded()) : nil }
        guard let time = line.detectedTimeNs?.value ?? seconds else { return "has no time" }
        typesSeen.insert(type)
        if types.isEmpty || types.contains(type) {
            detections.append(EventScore.Detection(symbol: names[0], timeNanoseconds: time))
        }
        return nil
    }
}

/// What a labelled event is.
struct EventKindLabel {
    let name: String
    let size: Double?
    /// `buy` or `sell`; anything else is no side.
    let direction: String
}

/// Labelled events of a CSV file with a header.
struct EventRows {
    private(set) var events: [EventScore.Event] = []
    /// What the events are; in the order of `events`, empty without a column of kinds.
    private(set) var kinds: [EventKindLabel] = []
    /// Watched spans from the columns `hours_before` and `hours_after`, one per event.
    private(set) var spans: [EventScore.Span] = []
    /// Events of another class.
    private(set) var otherClass = 0
    /// Events without a value in the offset column.
    private(set) var withoutOffset = 0

    /// - Parameters:
    ///   - classes: values of the column `class` or `type` to take; empty takes all.
    ///   - offsetColumn: seconds from the label to the true start; an event without is left out.
    ///   - readsSpans: each event has been watched from `hours_before` to `hours_after`.
    init(path: String, classes: Set<String>, offsetColumn: String?, readsSpans: Bool) throws {
        var problems: [String] = []
        var report = ImportReport { problems.append($0) }
        let rows: CSVRows
        do throws(LineReaderError) { rows = try CSVRows(path: path) } catch { throw ImportError(error) }
        func refuse(_ problem: String) -> ImportError {
            ImportError(.noUsableData, "\(path), line \(rows.line): \(problem)")
        }
        guard rows.next(&report) else { throw ImportError(.noUsableData, "\(path) is empty") }
        guard let header = CSVHeader(rows), let symbol = header.column("symbol"),
            let label = header.column("labeltimeutc", "startutc", "timeutc")
        else { throw refuse("needs a header with the columns symbol and label_time_utc") }
        let end = header.column("endutc")
        let kind = header.column("class", "type")
        let (size, direction) = (header.column("size"), header.column("direction"))
        func needed(_ name: String) throws -> Int {
            guard let column = header.column(name.lowercased().filter { $0.isLetter || $0.isNumber }) else {
                throw refuse("there is no column \(name)")
            }
            return column
        }
        let offset = try offsetColumn.map(needed)
        let hours = readsSpans ? (before: try needed("hours_before"), after: try needed("hours_after")) : nil
        if !classes.isEmpty, kind == nil { throw refuse("--classes needs a column class or type") }

        var classesSeen: Set<String> = []
        while rows.next(&report) {
            guard let name = SymbolName.normalized(rows.text(symbol).utf8) else {
                throw refuse("no symbol: '\(rows.text(symbol).prefix(40))'")
            }
            func time(_ column: Int) throws -> Int64 {
                guard let moment = Moment(argument: rows.text(column)) else {
                    throw refuse("no time: '\(rows.text(column).prefix(40))'")
                }
                return moment.time.nanoseconds
            }
            func nanoseconds(_ column: Int, unit: Double) throws -> Int64 {
                guard let value = Double(rows.text(column)), (-1e9...1e9).contains(value * unit) else {
                    throw refuse("no number: '\(rows.text(column).prefix(40))'")
                }
                return Int64((value * unit * 1e9).rounded())
            }
            let labelled = try time(label)
            if let hours {
                let start = labelled - (try nanoseconds(hours.before, unit: 3_600))
                let finish = labelled + (try nanoseconds(hours.after, unit: 3_600))
                guard start <= finish else { throw refuse("the event's span ends before it starts") }
                spans.append(EventScore.Span(symbol: name, startNanoseconds: start, endNanoseconds: finish))
            }
            if let kind { classesSeen.insert(rows.text(kind)) }
            guard classes.isEmpty || kind.map({ classes.contains(rows.text($0)) }) == true else {
                otherClass += 1
                continue
            }
            var start = labelled
            if let offset {
                guard !rows.text(offset).isEmpty else {
                    withoutOffset += 1
                    continue
                }
                start += try nanoseconds(offset, unit: 1)
            }
            let finish = try end.flatMap { rows.text($0).isEmpty ? nil : try time($0) }
            if let finish, finish < start { throw refuse("the event ends before it starts") }
            events.append(EventScore.Event(symbol: name, startNanoseconds: start, endNanoseconds: finish))
            guard let kind else { continue }
            let sizeText = size.map { rows.text($0) } ?? ""
            let number = Double(sizeText)
            guard sizeText.isEmpty || number?.isFinite == true else {
                throw refuse("no size: '\(sizeText.prefix(40))'")
            }
            kinds.append(
                EventKindLabel(
                    name: rows.text(kind), size: number,
                    direction: direction.map { rows.text($0) } ?? ""))
        }
        guard report.isClean else { throw ImportError(.noUsableData, problems.joined(separator: "\n")) }
        if let unknown = classes.subtracting(classesSeen).min() {
            throw ImportError(
                .noUsableData,
                "\(path) has no event of the class '\(unknown)' (--classes); there are "
                    + classesSeen.sorted().joined(separator: ", "))
        }
    }
}
