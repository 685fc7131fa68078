import Runtime
import Tape
import ArgumentParser
import Evaluation
import Foundation
import Microstructure
import Wire

/// `microlab facts`: compares the markets of tapes, side by side.
package struct FactsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "facts",
        abstract: "Puts the statistics of tapes beside each other: flow, spread, depth, volatility, memory, arrival.",
        discussion: """
            Writes a Markdown table with a column for each tape and symbol, and a picture on request. Depth is that of the \
            books on the tape: make them deep enough (`--depth 1000` of import and synth).

            Exit code: 0; 1 a tape is damaged; 65 no market data; 66 a tape cannot be opened; 73 a file cannot be created; \
            74 reading or writing failed.
            """)

    @OptionGroup var options: TapesOptions
    @Option(help: "Draw the first symbol of the first tape, and the same of the others, to this file (SVG).")
    var svg: String?

    package init() {}

    package func run() async throws {
        do {
            try show()
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Lab.failure(error)
        }
    }

    private func show() throws {
        Interrupt.watch()
        let (tapes, wanted) = (options.tapes, options.symbols.names)
        var columns: [FactsTable.Column] = []
        for tape in tapes { columns += try read(tape, wanted) }
        guard !columns.isEmpty else {
            throw ImportError(.noUsableData, "the tapes hold no messages that were asked for")
        }
        let table = FactsTable(columns: columns)
        var output = try OutputFile(path: options.out, replacesExisting: options.force, sources: tapes)
        try output.write(Array(table.markdown.utf8))
        try output.close()
        if let svg {
            var picture = try OutputFile(path: svg, replacesExisting: options.force, sources: tapes)
            try picture.write(Array(table.svg.utf8))
            try picture.close()
        }
    }

    private func read(_ tape: String, _ wanted: Set<String>) throws -> [FactsTable.Column] {
        var events = try TapeEvents(path: tape, symbols: wanted)
        let bar = ProgressBar(total: Int(clamping: events.byteCount), always: options.progress)
        var columns: [FactsTable.Column] = []
        var batch = EventBatch()
        var rows = 0
        while let event = try events.next() {
            rows += 1
            if rows % 4_096 == 0 { try bar.update(Int(clamping: events.bytesRead)) }
            guard event.topic.kind == .tick, let scale = try event.envelope.exponents() else { continue }
            let index =
                columns.firstIndex { $0.symbol == event.topic.symbol }
                ?? {
                    columns.append(FactsTable.Column(tape: tape, symbol: event.topic.symbol))
                    return columns.count - 1
                }()
            batch.removeAll()
            try batch.append(event.envelope, as: InstrumentID(index))
            columns[index].process(batch, priceExponent: scale.price, quantityExponent: scale.quantity)
        }
        bar.finish()
        try Lab.report(events.problems, refused: events.refused)
        return columns
    }
}

/// The facts of markets beside each other.
struct FactsTable {
    struct Column {
        let tape: String
        let symbol: String
        var facts = StylizedFacts()
        var arrival = ArrivalFacts()

        init(tape: String, symbol: String) {
            self.tape = tape
            self.symbol = symbol
        }

        var name: String {
            let file = URL(filePath: tape).lastPathComponent
            return "\(file.hasSuffix(".tape") ? String(file.dropLast(5)) : file) \(symbol)"
        }

        mutating func process(_ batch: EventBatch, priceExponent: Int8, quantityExponent: Int8) {
            func price(_ price: Price) -> Double { Decimal10.value(price.mantissa, exponent: priceExponent) }
            func size(_ size: Quantity) -> Double { Decimal10.value(size.mantissa, exponent: quantityExponent) }
            for event in batch.events {
                switch event {
                case .quote(let quote):
                    arrival.process(quote)
                    facts.processQuote(
                        time: quote.times.receive.nanoseconds, bid: price(quote.bid.price),
                        bidSize: size(quote.bid.quantity),
                        ask: price(quote.ask.price), askSize: size(quote.ask.quantity))
                case .trade(let trade):
                    arrival.process(trade)
                    facts.processTrade(
                        time: trade.times.venue.nanoseconds, size: size(trade.quantity), isBuy: trade.aggressor == .buy)
                case .book(let book) where book.validity == .valid:
                    arrival.process(book)
                    facts.tick = Decimal10.value(book.tickSize, exponent: priceExponent)
                    facts.processBook(
                        time: book.times.receive.nanoseconds,
                        bids: batch.levels[book.bids].map { (price($0.price), size($0.quantity)) },
                        asks: batch.levels[book.asks].map { (price($0.price), size($0.quantity)) })
                case .book, .heartbeat: break
                }
            }
        }
    }

    let columns: [Column]

    var markdown: String {
        let facts = columns.map { $0.facts.facts + $0.arrival.facts }
        var lines = ["| |" + columns.map { " \($0.name) |" }.joined()]
        lines.append("|---|" + columns.map { _ in "---:|" }.joined())
        for row in facts[0].indices {
            lines.append("| \(facts[0][row].name) |" + facts.map { " \(Self.text($0[row].value)) |" }.joined())
        }
        // Correlation with the first symbol of the same tape.
        for step in [0.1, 1, 10] {
            let cells = columns.map { column -> String in
                guard let first = columns.first(where: { $0.tape == column.tape }), first.symbol != column.symbol else {
                    return "-"
                }
                return Self.text(column.facts.correlation(with: first.facts, step: step))
            }
            guard cells.contains(where: { $0 != "-" }) else { continue }
            lines.append(
                "| moves in \(String(format: "%g", step)) s, correlation with the tape's first symbol |"
                    + cells.map { " \($0) |" }.joined())
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func text(_ value: Double) -> String { value.isNaN ? "-" : String(format: "%.4g", value) }

    /// Charts of the first column's symbol, one line per tape.
    var svg: String {
        let shown = zip(SVGPage.colors, columns.filter { $0.symbol == columns[0].symbol }).map { ($0, $1) }
        // The longest time that all cover, so that like is beside like.
        let seconds = shown.map(\.1.facts.seconds).min() ?? 0
        var page = SVGPage(panels: 4, title: "\(columns[0].symbol): \(Int(seconds)) s of each tape")
        func line(_ color: String, _ name: String?, _ values: [Double]) -> SVGPage.Line {
            let last = Double(max(1, values.count - 1))
            return SVGPage.Line(
                color: color, name: name, points: values.enumerated().map { (Double($0) / last, $1) })
        }
        let moves = shown.map { color, column -> (String, String, [Double]) in
            guard let span = column.facts.span else { return (color, column.name, []) }
            let end = min(span.upperBound, span.lowerBound + Int64(seconds * 1e9))
            return (
                color, column.name, column.facts.returns(1, from: span.lowerBound, to: end).map { $0.isNaN ? 0 : $0 }
            )
        }
        page.panel(
            "mid price, basis points from the start",
            moves.map { color, name, moves in
                line(color, name, moves.reduce(into: [0.0]) { $0.append($0[$0.count - 1] + $1) })
            }, fromZero: false)
        page.panel(
            "moves in one second, basis points", moves.map { line($0, nil, $2) }, fromZero: false)
        page.panel(
            "how often a move in one second is larger than 0 to 10 basis points, logarithm to base 10",
            moves.map { color, _, moves in
                let sizes = moves.map { abs($0) }
                return line(
                    color, nil,
                    (0...50).map { step in
                        let count = sizes.count { $0 > Double(step) / 5 }
                        return count > 0 ? log10(Double(count) / Double(sizes.count)) : .nan
                    })
            }, fromZero: false)
        page.panel(
            "autocorrelation of the signs of market orders at 1 to 50 orders",
            shown.map { line($0, nil, $1.facts.signAutocorrelation(upTo: 50)) }, fromZero: true)
        return page.text
    }
}
