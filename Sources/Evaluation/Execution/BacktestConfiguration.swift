/// How signals become trades and what trading costs. A configuration file spells the names in snake case (`CodingKeys`)
/// and may omit any; shares are fractions: 0.005 is 0.5 %.
public struct BacktestConfiguration: Sendable, Equatable, Codable {
    /// How long an order takes to reach the venue.
    public enum LatencyModel: String, Sendable, Codable, CaseIterable {
        /// `latencyMilliseconds`, always.
        case fixed
        /// `latencyMilliseconds` plus feed jitter: the delay of a randomly drawn recent message beyond the fastest
        /// message so far. A wrong clock cannot distort it.
        case sampled
    }

    public enum OrderKind: String, Sendable, Codable, CaseIterable {
        /// Takes liquidity from the other side.
        case market
        /// Rests at the best price of its own side.
        case limit
    }

    /// How to trade a signal whose metric has no side (volume, volatility, regime).
    public enum UndirectedSignals: String, Sendable, Codable, CaseIterable {
        /// Buys if aggressors bought more than they sold over the last five seconds, else sells.
        case flow
        case long
        case skip
    }

    /// In the quote asset, for each symbol.
    public var initialCapital = 10_000.0
    /// Fee of orders that take liquidity, a side, as a share of the traded value.
    public var feeRate = 0.001
    /// Fee of resting orders, likewise; absent: `feeRate`.
    public var makerFeeRate: Double?
    /// Extra cost of every market order, in hundredths of a per cent, beyond the levels it walks: unseen on the tape.
    public var slippageBps = 5.0
    public var profitTargetPct = 0.005
    public var stopLossPct = 0.003
    public var maxHoldingSeconds = 300.0
    /// Share of the initial capital in one position.
    public var positionFraction = 0.1
    public var maxOpenPositions = 1
    public var allowShort = true
    public var undirectedSignals = UndirectedSignals.flow
    /// Signals below this score are labelled but not traded.
    public var minScore = 0.0
    /// Time from a signal's detection until its order can meet the next quote.
    public var latencyMilliseconds = 100.0
    public var latencyModel = LatencyModel.fixed
    public var entryOrder = OrderKind.market
    /// When an unfilled resting entry is cancelled.
    public var entryTimeoutSeconds = 10.0
    /// Order type that closes a position at its profit target.
    public var targetOrder = OrderKind.market
    public var queueModel = QueueModel.conservative
    /// Daily cost of a position's capital, as a share of its entry value.
    public var fundingRatePerDay = 0.0
    /// Shortest period of returns; doubled until a run has at most 1,024.
    public var periodSeconds = 10.0
    /// Smallest price move worth forecasting: lead times, recall and false alarms refer to moves of this size.
    public var movePct = 0.001
    /// How long before a move a signal counts as its forecast, and how long after a signal a move may still come.
    public var leadHorizonSeconds = 300.0
    public var folds = 5
    public var embargoFraction = 0.01
    /// Seed of sampled latencies and of resampling.
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

    /// Omitted keys keep their defaults.
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

    /// Describes the first value outside its range; `nil` if all are usable.
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

    /// Cost of a round trip of market orders, as a share of the traded value: 0.3 % with the defaults.
    public var roundTripCost: Double { 2 * (takerFee.share + slippage.share) }

    /// Return of a round trip of market orders at these prices, after fees and slippage.
    public func netReturn(side: Side, entry: Double, exit: Double) -> Double {
        let cost = takerFee.share + slippage.share
        return side == .long
            ? (exit * (1 - cost) - entry * (1 + cost)) / entry : (entry * (1 - cost) - exit * (1 + cost)) / entry
    }

    /// Share of trades that must reach the target to break even if all others are stopped: 0.75 with the defaults;
    /// above 1 if even a trade that reaches its target loses. Costs are deducted from the barriers' distance.
    public var breakEvenWinRate: Double {
        (stopLossPct + roundTripCost) / (stopLossPct + profitTargetPct)
    }
}
