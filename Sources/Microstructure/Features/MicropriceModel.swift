/// Stoikov's Markov chain of book states: the expected long-run move of the mid from each state, in ticks.
///
/// A state is an imbalance bucket (ten) with a spread class (one tick, wider). From the observed transitions, each
/// pooled with its mirror image (I→1−I, dM→−dM) so that the sum converges:
/// `Q = P(dM=0, X')`, `R¹ = P(dM=k)` for k = ±½, ±1 tick, `R² = P(dM≠0, X')`,
/// `g¹ = (1−Q)⁻¹R¹k`, `gⁿ⁺¹ = (1−Q)⁻¹R²gⁿ`, `G* = Σgⁿ` over six terms.
/// Hence `G*(I) = −G*(1−I)` and, except for the seventh term, `G = QG + R¹k + R²G`.
///
/// A state from which no path of transitions leads to a move has no information on the price, and 1−Q is singular over
/// such states. They are excluded: their G* is NaN, and for other states they are absorbing states where the mid rests,
/// which is the least solution of the equations. Shares below one in a million of a state's transitions do not form a
/// path, since the fading past leaves ever smaller traces.
///
/// Once the transitions weigh `weightLimit` their weight is halved, so that the past fades.
/// Source: Stoikov (2018), SSRN 2970694, theorem 3.1.
struct MicropriceModel: Sendable {
    static let stateCount = 2 * ImbalanceBuckets.count
    static let terms = 6
    /// Smaller shares of a state's transitions do not form a path to a move.
    private static let leastShare = 1e-6

    private let weightLimit: Double
    private var weight = 0.0
    /// Transitions from row to column: those that left the mid unchanged, and those that moved it.
    private var staying: [Double]
    private var moving: [Double]
    /// Σ of the moves from a state, in half ticks.
    private var moves: [Double]
    /// Transitions from a state.
    private var visits: [Double]
    private var adjustments: [Double]
    /// Workspace of a fit.
    private var system: [Double]
    private var term: [Double]

    init(weightLimit: Double) {
        precondition(weightLimit >= 2)
        self.weightLimit = weightLimit
        let (states, pairs) = (Self.stateCount, Self.stateCount * Self.stateCount)
        staying = Array(repeating: 0, count: pairs)
        moving = Array(repeating: 0, count: pairs)
        moves = Array(repeating: 0, count: states)
        visits = Array(repeating: 0, count: states)
        adjustments = Array(repeating: .nan, count: states)
        system = Array(repeating: 0, count: pairs)
        term = Array(repeating: 0, count: states)
    }

    /// G* of a state in ticks; NaN if the last fit excluded the state, or before the first fit.
    func adjustment(_ state: Int) -> Double { adjustments[state] }

    mutating func removeAll() {
        weight = 0
        for pair in staying.indices { (staying[pair], moving[pair]) = (0, 0) }
        for state in visits.indices { (moves[state], visits[state], adjustments[state]) = (0, 0, .nan) }
    }

    /// Adds a transition and its mirror image; `halfTicks` is the move of the mid.
    mutating func add(from: Int, to: Int, halfTicks: Int) {
        if weight >= weightLimit { halve() }
        weight += 1
        count(from, to, Double(halfTicks))
        count(Self.mirror(from), Self.mirror(to), -Double(halfTicks))
    }

    /// Computes G* of all states from the transitions so far; NaN for states that never lead to a move.
    mutating func fit() {
        let states = Self.stateCount
        let leads = statesThatLeadToMoves()
        for row in 0..<states {
            for column in 0..<states {
                let share = leads[row] ? staying[row * states + column] / visits[row] : 0
                system[row * states + column] = (row == column ? 1 : 0) - share
            }
            term[row] = leads[row] ? moves[row] / 2 / visits[row] : 0
        }
        guard eliminate() else {
            for state in 0..<states { adjustments[state] = .nan }
            return
        }
        for state in 0..<states { adjustments[state] = 0 }
        for number in 1...Self.terms {
            if number > 1 { applyMoves(from: leads) }
            substitute()
            for state in 0..<states { adjustments[state] += term[state] }
        }
        for state in 0..<states where !leads[state] { adjustments[state] = .nan }
    }

    private static func mirror(_ state: Int) -> Int {
        let (spreadClass, bucket) = state.quotientAndRemainder(dividingBy: ImbalanceBuckets.count)
        return spreadClass * ImbalanceBuckets.count + ImbalanceBuckets.count - 1 - bucket
    }

    private mutating func count(_ from: Int, _ to: Int, _ halfTicks: Double) {
        visits[from] += 1
        moves[from] += halfTicks
        if halfTicks == 0 {
            staying[from * Self.stateCount + to] += 1
        } else {
            moving[from * Self.stateCount + to] += 1
        }
    }

    /// The states from which some path of transitions leads to a move of the mid.
    private func statesThatLeadToMoves() -> InlineArray<20, Bool> {
        let states = Self.stateCount
        var leads = InlineArray<20, Bool>(repeating: false)
        var hasGrown = true
        while hasGrown {
            hasGrown = false
            for row in 0..<states where !leads[row] && visits[row] > 0 {
                let least = Self.leastShare * visits[row]
                for column in 0..<states where !leads[row] {
                    let pair = row * states + column
                    leads[row] = moving[pair] > least || (leads[column] && staying[pair] > least)
                }
                hasGrown = hasGrown || leads[row]
            }
        }
        return leads
    }

    private mutating func halve() {
        weight /= 2
        for pair in staying.indices {
            staying[pair] /= 2
            moving[pair] /= 2
        }
        for state in visits.indices {
            moves[state] /= 2
            visits[state] /= 2
        }
    }

    /// `term` ← R²·`term`, over the states in `rows`.
    private mutating func applyMoves(from rows: InlineArray<20, Bool>) {
        let states = Self.stateCount
        let previous = InlineArray<20, Double> { term[$0] }
        for row in 0..<states {
            var sum = 0.0
            for column in 0..<states { sum += moving[row * states + column] * previous[column] }
            term[row] = rows[row] ? sum / visits[row] : 0
        }
    }

    /// LU decomposition of `system` in place; false if it is singular. 1−Q is diagonally dominant by rows, so
    /// elimination needs no pivoting. Source: Golub, Van Loan, Matrix Computations, 3.4.10.
    private mutating func eliminate() -> Bool {
        let states = Self.stateCount
        for pivot in 0..<states {
            let diagonal = system[pivot * states + pivot]
            guard diagonal > 1e-12 else { return false }
            for row in (pivot + 1)..<states {
                let factor = system[row * states + pivot] / diagonal
                system[row * states + pivot] = factor
                guard factor != 0 else { continue }
                for column in (pivot + 1)..<states {
                    system[row * states + column] -= factor * system[pivot * states + column]
                }
            }
        }
        return true
    }

    /// `term` ← (1−Q)⁻¹·`term`, with the decomposition in `system`.
    private mutating func substitute() {
        let states = Self.stateCount
        for row in 0..<states {
            for column in 0..<row { term[row] -= system[row * states + column] * term[column] }
        }
        for row in (0..<states).reversed() {
            for column in (row + 1)..<states { term[row] -= system[row * states + column] * term[column] }
            term[row] /= system[row * states + row]
        }
    }
}
