import Runtime
import Tape
import Detection
import Evaluation
import Microstructure
import Wire

/// Runs configurations over tapes. All share one pass, event by event, of the features and the bank of `detector`.
///
/// Each symbol of each tape is a market with its own account, and begins without state.
struct BacktestRun {
    /// A symbol of a tape.
    struct Market {
        let symbol: String
        let tape: String
        /// One backtest per configuration.
        fileprivate(set) var backtests: [Backtest]
        /// The mid price at the end of each period of `priceGrid`; NaN if there was none.
        fileprivate(set) var prices: [Double]
        let priceGrid: TimeGrid
    }

    private(set) var markets: [Market] = []
    /// What was wrong with the tapes.
    private(set) var problems: [String] = []
    private(set) var isWhole = true
    private(set) var events: UInt64 = 0
    let grids: [TimeGrid]

    private let profile: Profile
    private let configurations: [BacktestConfiguration]
    private let symbols: Set<String>

    /// - Parameters:
    ///   - configurations: at least one.
    ///   - symbols: empty takes all.
    ///   - advance: receives the bytes read; may throw to stop.
    init(
        tapes: TapeSet, profile: Profile, configurations: [BacktestConfiguration], symbols: Set<String> = [],
        advance: (Int) throws -> Void = { _ in }
    ) throws {
        self.profile = profile
        self.configurations = configurations
        self.symbols = symbols
        let extent = tapes.extent
        grids = configurations.map {
            TimeGrid(from: extent.lowerBound, to: extent.upperBound, shortestSeconds: $0.periodSeconds)
        }
        var passed = 0
        for tape in tapes.tapes {
            try run(tape) { try advance(passed + $0) }
            passed += tape.byteCount
        }
        guard !markets.isEmpty else {
            throw ImportError(.noUsableData, "the tapes hold no market data that was asked for")
        }
    }

    private mutating func run(_ tape: TapeSet.Tape, advance: (Int) throws -> Void) throws {
        var reader = try TapeReader(path: tape.path)
        var detection = try TapeDetection(symbols: symbols, profile: profile)
        let flow = FeatureSchema().index(of: "trade_imbalance_5s")
        let first = markets.count
        let priceGrid = TimeGrid(from: tape.extent.lowerBound, to: tape.extent.upperBound, shortestSeconds: 0.1)
        var count = 0
        while let record = try reader.next() {
            let signals = try detection.process(record)
            count += 1
            if count.isMultiple(of: 4_096) { try advance(Int(reader.bytesRead)) }
            guard let (line, event) = detection.vectors.lastEvent else { continue }
            let place = first + line
            while markets.count <= place {
                let instrument = detection.vectors.markets[markets.count - first].instrument
                markets.append(try market(instrument, tape, priceGrid))
            }
            events += 1
            let levels = detection.vectors.levels
            for index in configurations.indices {
                markets[place].backtests[index].process(event, levels: levels.span)
            }
            if let time = markets[place].backtests[0].lastTime, markets[place].backtests[0].market.isQuoted {
                let mid = markets[place].backtests[0].market.mid
                markets[place].prices[priceGrid.index(of: time)] = mid
            }
            for signal in signals {
                let side = side(signal, flow: flow.map { detection.values(of: line)[$0] })
                for index in configurations.indices {
                    let decision = Decision(
                        id: signal.id, time: signal.detected,
                        side: side[configurations[index].undirectedSignals] ?? nil,
                        score: signal.score, type: signal.type)
                    markets[place].backtests[index].process(decision)
                }
            }
        }
        for (line, place) in (first..<markets.count).enumerated() {
            let instrument = detection.vectors.markets[line].instrument
            guard instrument == markets[place].backtests[0].instrument else {
                throw ImportError(
                    .noUsableData, "\(tape.name): the decimal scale of \(instrument.symbol) changes; cut the tape there"
                )
            }
            for index in configurations.indices { markets[place].backtests[index].finish() }
            let scale = instrument.value(Price(1))
            for period in markets[place].prices.indices { markets[place].prices[period] *= scale }
        }
        problems += reader.problems.map { "\(tape.name): \($0)" }
        problems += detection.vectors.refused.sorted { $0.key < $1.key }.map { "\(tape.name): \($1) records: \($0)" }
        isWhole = isWhole && detection.vectors.refused.isEmpty && reader.problems.allSatisfy { !$0.isLoss }
    }

    private func market(_ instrument: Instrument, _ tape: TapeSet.Tape, _ priceGrid: TimeGrid) throws -> Market {
        var backtests: [Backtest] = []
        for (configuration, grid) in zip(configurations, grids) {
            do throws(BacktestError) {
                backtests.append(
                    try Backtest(instrument: instrument, configuration: configuration, grid: grid))
            } catch {
                throw ConfigurationError(setting: "backtest", problem: error.description)
            }
        }
        return Market(
            symbol: instrument.symbol, tape: tape.name, backtests: backtests,
            prices: [Double](repeating: .nan, count: priceGrid.count), priceGrid: priceGrid)
    }

    /// The side to trade on a signal, for each treatment of signals without a side.
    private func side(_ signal: Signal, flow: Double?) -> [BacktestConfiguration.UndirectedSignals: Side?] {
        switch signal.direction {
        case .up: return [.flow: .long, .long: .long, .skip: .long]
        case .down: return [.flow: .short, .long: .short, .skip: .short]
        case .unsided:
            let flowing: Side? = flow.flatMap { $0 > 0 ? .long : $0 < 0 ? .short : nil }
            return [.flow: flowing, .long: .long, .skip: nil]
        }
    }
}
