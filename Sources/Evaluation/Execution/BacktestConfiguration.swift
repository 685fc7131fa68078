/// How signals become trades and what trading costs. A file names its values in snake case (`CodingKeys`) and may leave any
/// out; shares are fractions: 0.005 is 0.5 %.
public struct BacktestConfiguration: Sendable, Equatable, Codable {
    /// How long an order is under way.
    public enum LatencyModel: String, Sendable, Codable, CaseIterable {
        /// `latencyMilliseconds`, always.
        case fixed
        /// `latencyMilliseconds` and, on top, what a message drawn from the last ones took longer than the fastest so far:
        /// the feed's own jitter, which no wrong clock can spoil.
        case sampled
    }

    public enum OrderKind: String, Sendable, Codable, CaseIterable {
        /// Takes what rests on the other side.
        case market
        /// Rests at the best price of its own side.
        case limit
    }

    /// What becomes of a signal whose metric has no side (volume, volatility, regime).
    public enum UndirectedSignals: String, Sendable, Codable, CaseIterable {
        /// Buys where the last five seconds' trades bought more than they sold, else sells.
        case flow
        case long
        case skip
    }

    /// In the quote asset, for each symbol.
    public var initialCapital = 10_000.0
    /// Of what is traded, a side, by orders that take.
    public var feeRate = 0.001
    /// The same for orders that rest; absent: `feeRate`.
    public var makerFeeRate: Double?
    /// On every market order, in hundredths of a per cent, on top of the levels that it walks: what the tape does not show.
    public var slippageBps = 5.0
    public var profitTargetPct = 0.005
    public var stopLossPct = 0.003
    public var maxHoldingSeconds = 300.0
    /// Share of the initial capital in one position.
    public var positionFraction = 0.1
    public var maxOpenPositions = 1
    public var allowShort = true
    public var undirectedSignals = UndirectedSignals.flow
    /// Signals below are labelled, but not traded.
    public var minScore = 0.0
    /// From a signal's detection to the moment from which its order meets the next quote.
    public var latencyMilliseconds = 100.0
    public var latencyModel = LatencyModel.fixed
    public var entryOrder = OrderKind.market
    /// When a resting entry is given up.
    public var entryTimeoutSeconds = 10.0
    /// How a position is left at its profit target.
    public var targetOrder = OrderKind.market
    public var queueModel = QueueModel.conservative
    /// Of a position's entry value, a day that it is held: what its capital costs.
    public var fundingRatePerDay = 0.0
    /// Shortest period of returns; doubled until a run has at most 1,024.
    public var periodSeconds = 10.0
    /// A price move worth foreseeing: lead times, recall and false alarms are about moves of this size.
    public var movePct = 0.001
    /// How long before a move a signal counts as its forecast, and how long after a signal a move is waited for.
    public var leadHorizonSeconds = 300.0
    public var folds = 5
    public var embargoFraction = 0.01
    /// Of sampled latencies and of resampling.
    public var seed: UInt64 = 1

    public init() {}

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case initialCapital = "initial_capital"
        case feeRate = "fee_rate"
        case makerFeeRate = "maker_fee_rate"
        case slippageBps = "slippage_bps"
        case profitTargetPct = "profit_target_pct"
        case stopLossPct = "stop_loss_pct"
        case maxHoldingSeconds = "max_holding_seconds"
        case positionFraction = "position_fraction"
        case maxOpenPositions = "max_open_positions"
        case allowShort = "allow_short"
        case undirectedSignals = "undirected_signals"
        case minScore = "min_score"
        case latencyMilliseconds = "latency_ms"
        case latencyModel = "latency_model"
        case entryOrder = "entry_order"
        case entryTimeoutSeconds = "entry_timeout_seconds"
        case targetOrder = "target_order"
        case queueModel = "queue_model"
        case fundingRatePerDay = "funding_rate_per_day"
        case periodSeconds = "period_seconds"
        case movePct = "move_pct"
        case leadHorizonSeconds = "lead_horizon_seconds"
        case folds
        case embargoFraction = "embargo_fraction"
        case seed
    }

    /// What is not named keeps its default.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func take<Value: Decodable>(_ key: CodingKeys, _ standard: Value) throws -> Value {
            try values.decodeIfPresent(Value.self, forKey: key) ?? standard
        }
        initialCapital = try take(.initialCapital, initialCapital)
        feeRate = try take(.feeRate, feeRate)
        makerFeeRate = try values.decodeIfPresent(Double.self, forKey: .makerFeeRate)
        slippageBps = try take(.slippageBps, slippageBps)
        profitTargetPct = try take(.profitTargetPct, profitTargetPct)
        stopLossPct = try take(.stopLossPct, stopLossPct)
        maxHoldingSeconds = try take(.maxHoldingSeconds, maxHoldingSeconds)
        positionFraction = try take(.positionFraction, positionFraction)
        maxOpenPositions = try take(.maxOpenPositions, maxOpenPositions)
        allowShort = try take(.allowShort, allowShort)
        undirectedSignals = try take(.undirectedSignals, undirectedSignals)
        minScore = try take(.minScore, minScore)
        latencyMilliseconds = try take(.latencyMilliseconds, latencyMilliseconds)
        latencyModel = try take(.latencyModel, latencyModel)
        entryOrder = try take(.entryOrder, entryOrder)
        entryTimeoutSeconds = try take(.entryTimeoutSeconds, entryTimeoutSeconds)
        targetOrder = try take(.targetOrder, targetOrder)
        queueModel = try take(.queueModel, queueModel)
        fundingRatePerDay = try take(.fundingRatePerDay, fundingRatePerDay)
        periodSeconds = try take(.periodSeconds, periodSeconds)
        movePct = try take(.movePct, movePct)
        leadHorizonSeconds = try take(.leadHorizonSeconds, leadHorizonSeconds)
        folds = try take(.folds, folds)
        embargoFraction = try take(.embargoFraction, embargoFraction)
        seed = try take(.seed, seed)
    }

    /// The first value outside its range, in words; `nil` where all are usable.
    public var problem: String? {
        let checks: [(CodingKeys, Double, ClosedRange<Double>)] = [
            (.initialCapital, initialCapital, 1e-6...1e12), (.feeRate, feeRate, -0.01...0.1),
            (.makerFeeRate, makerFeeRate ?? 0, -0.01...0.1), (.slippageBps, slippageBps, 0...1_000),
            (.profitTargetPct, profitTargetPct, 1e-6...10), (.stopLossPct, stopLossPct, 1e-6...1),
            (.maxHoldingSeconds, maxHoldingSeconds, 1e-3...1e7), (.positionFraction, positionFraction, 1e-6...1),
            (.maxOpenPositions, Double(maxOpenPositions), 1...1_000), (.minScore, minScore, 0...1),
            (.latencyMilliseconds, latencyMilliseconds, 0...1e6),
            (.entryTimeoutSeconds, entryTimeoutSeconds, 1e-3...1e6), (.fundingRatePerDay, fundingRatePerDay, 0...1),
            (.periodSeconds, periodSeconds, 1e-3...86_400), (.movePct, movePct, 1e-6...0.5),
            (.leadHorizonSeconds, leadHorizonSeconds, 1...86_400), (.folds, Double(folds), 2...100),
            (.embargoFraction, embargoFraction, 0...0.5),
        ]
        for (key, value, range) in checks where !range.contains(value) {
            return "\(key.rawValue) is \(value), outside \(range.lowerBound) to \(range.upperBound)"
        }
        let most = positionFraction * Double(maxOpenPositions)
        guard most <= 1 + 1e-9 else {
            return "position_fraction times max_open_positions is \(most), more than the capital"
        }
        return nil
    }

    // MARK: What follows

    var limits: BarrierLimits {
        BarrierLimits(
            profitTarget: Rate(profitTargetPct), stopLoss: Rate(stopLossPct),
            maximumHoldingNanoseconds: Int64((maxHoldingSeconds * 1e9).rounded()))
    }

    var takerFee: Rate { Rate(feeRate) }
    var makerFee: Rate { Rate(makerFeeRate ?? feeRate) }
    var slippage: Rate { Rate(slippageBps / 10_000) }

    /// What both sides of a trade at market cost, as a share of what is traded: 0.3 % of the defaults.
    public var roundTripCost: Double { 2 * (takerFee.share + slippage.share) }

    /// The return of a trade at market, entered and left at these prices, after its fees and slippage.
    public func netReturn(side: Side, entry: Double, exit: Double) -> Double {
        let cost = takerFee.share + slippage.share
        return side == .long
            ? (exit * (1 - cost) - entry * (1 + cost)) / entry : (entry * (1 - cost) - exit * (1 + cost)) / entry
    }

    /// The share of trades that must reach their target for the rest, all stopped, to be paid: 0.75 of the defaults; above 1
    /// where even a target reached loses. Costs are taken from the barriers' distance.
    public var breakEvenWinRate: Double {
        (stopLossPct + roundTripCost) / (stopLossPct + profitTargetPct)
    }
}
