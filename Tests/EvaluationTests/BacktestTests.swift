import Detection
import Evaluation
import Microstructure
import TestSupport
import Testing

@Suite struct BacktestTests {
    private static let configurations: [BacktestConfiguration] = {
        var limit = BacktestConfiguration()
        limit.entryOrder = .limit
        limit.targetOrder = .limit
        limit.queueModel = .probabilistic
        limit.latencyModel = .sampled
        limit.maxOpenPositions = 3
        limit.positionFraction = 0.3
        limit.fundingRatePerDay = 0.001
        var quick = BacktestConfiguration()
        quick.latencyMilliseconds = 0
        quick.maxHoldingSeconds = 20
        return [BacktestConfiguration(), limit, quick]
    }()

    /// A rule that looks at the past alone: what an honest detector could do.
    private func decision(_ step: RandomMarket.Step, _ place: Int, _ random: inout SplitMix64) -> Decision? {
        guard random.uniform() < 0.02 else { return nil }
        let side: Side? = random.uniform() < 0.1 ? nil : random.uniform() < 0.5 ? .long : .short
        return Decision(id: "\(place)", time: step.time, side: side, score: random.uniform(), type: .drift)
    }

    private func run(
        _ steps: [RandomMarket.Step], _ configuration: BacktestConfiguration, decisionSeed: UInt64,
        capturing: (Backtest, Int) -> Void = { _, _ in }
    ) throws -> Backtest {
        let grid = TimeGrid(
            from: RandomMarket.start, to: RandomMarket.start.advanced(byNanoseconds: 3_600_000_000_000),
            shortestSeconds: configuration.periodSeconds)
        var backtest = try Backtest(
            instrument: RandomMarket.instrument, configuration: configuration, grid: grid)
        var random = SplitMix64(seed: decisionSeed)
        for (place, step) in steps.enumerated() {
            backtest.process(step)
            if let decision = decision(step, place, &random) { backtest.process(decision) }
            capturing(backtest, place)
        }
        backtest.finish()
        return backtest
    }

    /// The future is replaced by noise: decisions, labels, fills and returns from before the cut stay as they were.
    @Test(arguments: testSeeds) func nothingKnowsTheFuture(seed: UInt64) throws {
        print("seed \(seed)")
        for configuration in Self.configurations {
            var market = RandomMarket(seed: seed)
            let steps = market.steps(2_500)
            var random = SplitMix64(seed: seed &+ 7)
            let whole = try run(steps, configuration, decisionSeed: seed)
            #expect(whole.trades.count > 3 && whole.outcomes.count > 20, "seed \(seed)")
            for _ in 0..<6 {
                let cut = 1 + random.index(below: steps.count - 1)
                var noise = RandomMarket(seed: random.next())
                let changed =
                    Array(steps[..<cut])
                    + noise.steps(steps.count - cut, from: steps[cut - 1].time, bias: random.uniform() * 2 - 1)
                let other = try run(changed, configuration, decisionSeed: seed)
                let known = steps[cut - 1].time.nanoseconds
                // A trade or a label that was over by the cut; events of the cut's own moment come after it.
                let isOver: (Int64) -> Bool = { $0 < known }
                #expect(
                    whole.trades.filter { isOver($0.exitTimeNanoseconds) }
                        == other.trades.filter { isOver($0.exitTimeNanoseconds) }, "seed \(seed), cut \(cut)")
                let entered: (Backtest) -> [String] = { backtest in
                    backtest.trades.filter { isOver($0.entryTimeNanoseconds) }
                        .map { "\($0.id) \($0.entryTimeNanoseconds) \($0.quantity) \($0.entryPrice)" }.sorted()
                }
                #expect(entered(whole) == entered(other), "seed \(seed), cut \(cut)")
                let labelled: (Backtest) -> [SignalOutcome] = { backtest in
                    backtest.outcomes.filter { isOver($0.label?.exitTimeNanoseconds ?? .max) }
                        .map { outcome in
                            var outcome = outcome
                            // These two may still be open when the label is not.
                            outcome.leadSeconds = outcome.leadSeconds.flatMap {
                                isOver(outcome.timeNanoseconds + Int64($0 * 1e9) + 1) ? $0 : nil
                            }
                            outcome.skipped = nil
                            return outcome
                        }
                }
                #expect(labelled(whole) == labelled(other), "seed \(seed), cut \(cut)")
                #expect(
                    whole.moves.filter { isOver($0.confirmed.nanoseconds) }
                        == other.moves.filter { isOver($0.confirmed.nanoseconds) })
                let period = whole.returns.grid.index(of: Timestamp(nanoseconds: known))
                #expect(
                    whole.returns.values.prefix(period).elementsEqual(other.returns.values.prefix(period)),
                    "seed \(seed), cut \(cut)")
            }
        }
    }

    /// The proof above can fail: a rule that looks a few events ahead decides otherwise before the cut.
    @Test func aPeekingRuleIsFoundOut() {
        func decisions(_ steps: [RandomMarket.Step], before cut: Int, ahead: Int) -> [Bool] {
            (0..<cut).map { place in
                let seen = steps[min(place + ahead, steps.count - 1)]
                return (seen.time.nanoseconds + Int64(seen.levels.first?.price.mantissa ?? 0)).isMultiple(of: 2)
            }
        }
        var market = RandomMarket(seed: 5)
        let steps = market.steps(1_500)
        var noise = RandomMarket(seed: 6)
        let cut = 700
        let changed = Array(steps[..<cut]) + noise.steps(800, from: steps[cut - 1].time)
        #expect(decisions(steps, before: cut, ahead: 0) == decisions(changed, before: cut, ahead: 0))
        #expect(decisions(steps, before: cut, ahead: 20) != decisions(changed, before: cut, ahead: 20))
    }

    @Test(arguments: testSeeds) func theBooksBalance(seed: UInt64) throws {
        print("seed \(seed)")
        for configuration in Self.configurations {
            var market = RandomMarket(seed: seed)
            let backtest = try run(market.steps(3_000), configuration, decisionSeed: seed)
            let account = backtest.account
            #expect(account.inventory == 0)
            let profit = backtest.trades.reduce(0) { $0 + $1.profit }
            #expect(abs(account.value(account.cash - account.initial) - profit) < 1e-6, "seed \(seed)")
            #expect(abs(account.value(account.fees) - backtest.trades.reduce(0) { $0 + $1.fees }) < 1e-6)
            #expect(abs(account.value(account.funding) - backtest.trades.reduce(0) { $0 + $1.funding }) < 1e-6)
            let earned = backtest.returns.values.reduce(0, +) * configuration.initialCapital
            #expect(abs(earned - profit) < 1e-6, "seed \(seed): \(earned) by period, \(profit) by trade")
            #expect(backtest.outcomes.count { $0.skipped == nil } == backtest.trades.count)
            for trade in backtest.trades {
                let latency = Int64(configuration.latencyMilliseconds * 1e6)
                #expect(trade.entryTimeNanoseconds > trade.signalTimeNanoseconds + latency)
                #expect(trade.exitTimeNanoseconds >= trade.entryTimeNanoseconds)
                let most = configuration.initialCapital * configuration.positionFraction
                #expect(trade.entryPrice * trade.quantity <= most * 1.2)
            }
            for outcome in backtest.outcomes {
                #expect(outcome.side != nil || outcome.skipped == .noSide)
                guard let label = outcome.label else { continue }
                #expect(label.entryTimeNanoseconds > outcome.timeNanoseconds)
                #expect(label.netReturn < label.grossReturn)
                switch label.outcome {
                case .profitTarget: #expect(label.grossReturn >= configuration.profitTargetPct - 1e-12)
                case .stopLoss: #expect(label.grossReturn <= -configuration.stopLossPct + 1e-12)
                case .timeLimit, .endOfData:
                    #expect(label.grossReturn < configuration.profitTargetPct)
                    #expect(label.grossReturn > -configuration.stopLossPct)
                }
            }
        }
    }

    @Test(arguments: testSeeds) func positionsStayWithinTheirLimit(seed: UInt64) throws {
        print("seed \(seed)")
        var market = RandomMarket(seed: seed)
        let configuration = Self.configurations[1]
        let backtest = try run(market.steps(3_000), configuration, decisionSeed: seed)
        let edges = backtest.trades.flatMap { [($0.entryTimeNanoseconds, 1), ($0.exitTimeNanoseconds, -1)] }
            .sorted { $0 < $1 }
        var open = 0
        for (_, step) in edges {
            open += step
            #expect(open <= configuration.maxOpenPositions)
        }
        #expect(backtest.outcomes.contains { $0.skipped == .positionLimit })
    }

    @Test func costsOfTheDefaultsNeedThreeOfFour() {
        let configuration = BacktestConfiguration()
        #expect(abs(configuration.breakEvenWinRate - 0.75) < 1e-12)
        #expect(abs(configuration.netReturn(side: .long, entry: 100, exit: 100.5) - 0.0019925) < 1e-12)
    }

    @Test func badValuesAreNamed() {
        var configuration = BacktestConfiguration()
        #expect(configuration.problem == nil)
        configuration.profitTargetPct = .nan
        #expect(configuration.problem?.contains("profit_target_pct") == true)
        configuration = BacktestConfiguration()
        configuration.positionFraction = 0.6
        configuration.maxOpenPositions = 2
        #expect(configuration.problem?.contains("more than the capital") == true)
    }
}
