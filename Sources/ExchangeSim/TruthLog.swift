import Runtime
import Foundation
import Microstructure
import Simulation

/// Writes the simulator's messages and faults to a file, one JSON object a line, to compare with a client's view:
///
/// - `{"book":"BTCUSDT","u":7,"b":[[price,size],…],"a":[…]}`: the best 20 levels at update id 7, in 10⁻⁸;
/// - `{"trade":"BTCUSDT","t":5}`: a trade that was sent;
/// - `{"fault":3,"kind":"drop","symbol":"BTCUSDT","channel":"depth","time_ns":…}`: a fault that struck, on this host's
///   clock;
/// - `{"planted":"metaorder","symbol":"BTCUSDT","start_ns":…,"end_ns":…,"size":2,"direction":"buy"}`: an event planted
///   into a synthetic market, in the venue's time; without `direction` if the type has none.
final class TruthLog {
    private let file: UnsafeMutablePointer<FILE>

    init(path: String) throws {
        guard let file = fopen(path, "w") else {
            throw ConfigurationError(
                setting: "--truth", problem: "'\(path)' cannot be written: \(String(cString: strerror(errno)))")
        }
        self.file = file
    }

    deinit { fclose(file) }

    func write(_ record: TruthBook.Record, of symbol: String) {
        func levels(_ levels: [PriceLevelPair]) -> String {
            levels.map { "[\($0.0),\($0.1)]" }.joined(separator: ",")
        }
        let bids = record.bids.map { ($0.price.mantissa, $0.quantity.mantissa) }
        let asks = record.asks.map { ($0.price.mantissa, $0.quantity.mantissa) }
        line(#"{"book":"\#(symbol)","u":\#(record.updateID),"b":[\#(levels(bids))],"a":[\#(levels(asks))]}"#)
    }

    func write(trade id: Int64, of symbol: String) { line(#"{"trade":"\#(symbol)","t":\#(id)}"#) }

    func write(_ strike: FaultPlan.Strike, symbol: String?, channel: StreamKind?) {
        let place =
            (symbol.map { #","symbol":"\#($0)""# } ?? "") + (channel.map { #","channel":"\#($0.channelName)""# } ?? "")
        line(
            #"{"fault":\#(strike.number),"kind":"\#(strike.fault.kind.rawValue)"\#(place),"time_ns":\#(HostClock.now.nanoseconds)}"#
        )
    }

    func write(_ event: PlantedEvent, from times: ClosedRange<Timestamp>, of symbol: String) {
        let direction = event.direction.map { #","direction":"\#($0.name)""# } ?? ""
        line(
            #"{"planted":"\#(event.type.rawValue)","symbol":"\#(symbol)","start_ns":\#(times.lowerBound.nanoseconds),"#
                + #""end_ns":\#(times.upperBound.nanoseconds),"size":\#(event.size)\#(direction)}"#)
    }

    func flush() { fflush(file) }

    private typealias PriceLevelPair = (Int64, Int64)

    private func line(_ text: String) { fputs(text + "\n", file) }
}
