import RealModule

/// The order of the logarithms of shifts: rises of each column and horizon, then falls.
struct ShiftLayout: Sendable {
    private let watch: EventWatch
    /// Where each place lies in the mirror image.
    let mirror: [Int]
    var count: Int { mirror.count }

    init(_ watch: EventWatch, isSigned: [Bool]) {
        self.watch = watch
        let horizons = watch.horizonSeconds.count
        let half = watch.columns.count * horizons
        var mirror = Array(repeating: 0, count: 2 * half)
        for (index, column) in watch.columns.enumerated() {
            let partner = column.mirror.flatMap { name in watch.columns.firstIndex { $0.feature == name } } ?? index
            for horizon in 0..<horizons {
                let (rise, fall) = (partner * horizons + horizon, half + partner * horizons + horizon)
                mirror[index * horizons + horizon] = isSigned[index] ? fall : rise
                mirror[half + index * horizons + horizon] = isSigned[index] ? rise : fall
            }
        }
        self.mirror = mirror
    }

    func place(of term: EventSignature.Term) -> Int {
        let column = watch.columns.firstIndex { $0.feature == term.feature } ?? 0
        let horizon = watch.horizonSeconds.firstIndex(of: term.horizonSeconds) ?? 0
        let rise = column * watch.horizonSeconds.count + horizon
        return term.isRise ? rise : count / 2 + rise
    }

    /// The feature, the horizon and the direction at a place.
    func term(at place: Int, excess: Double, weight: Double) -> EventSignature.Term {
        let horizons = watch.horizonSeconds.count
        let inner = place % (count / 2)
        return EventSignature.Term(
            watch.columns[inner / horizons].feature, horizonSeconds: watch.horizonSeconds[inner % horizons],
            isRise: place < count / 2, excess: excess, weight: weight)
    }

    static func fill(_ excesses: inout [Double], from shifts: [Double]) {
        for index in shifts.indices {
            let shift = shifts[index]
            let excess = shift.magnitude > 1 ? Double.log(shift.magnitude) : 0
            excesses[index] = shift > 0 ? excess : 0
            excesses[shifts.count + index] = shift > 0 ? 0 : excess
        }
    }
}
