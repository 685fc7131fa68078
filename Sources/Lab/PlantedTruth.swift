import Foundation
import Microstructure
import Simulation

/// What was planted, as the file that `microlab score` reads.
struct PlantedTruth {
    let csv: String

    /// - Parameter start: the moment from which the events' offsets count.
    init(_ planted: [(symbol: String, events: [PlantedEvent])], start: Timestamp) {
        var rows: [(start: Int64, text: String)] = []
        for (symbol, events) in planted {
            for event in events {
                let moments = [event.start, event.end].map { Moment.text(start.advanced(byNanoseconds: $0)) }
                rows.append(
                    (
                        event.start,
                        "\(symbol),\(moments[0]),\(moments[1]),\(event.type.rawValue),"
                            + String(format: "%g", event.size) + ",\(event.direction?.name ?? "")"
                    ))
            }
        }
        let order = rows.indices.sorted { (rows[$0].start, $0) < (rows[$1].start, $1) }
        csv = "symbol,label_time_utc,end_utc,class,size,direction\n" + order.map { rows[$0].text + "\n" }.joined()
    }
}
