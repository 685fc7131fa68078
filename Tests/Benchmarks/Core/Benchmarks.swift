import Benchmark
import Measures

// Each iteration does `size` items; core.py divides by it.

private let size = 100_000

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput], warmupIterations: 1, maxDuration: .seconds(3), maxIterations: 30)
    let market = try! Market(size: size)
    for (name, make) in measures {
        Benchmark(name) { benchmark in
            var measure = try make(market)
            benchmark.startMeasurement()
            try measure.run(0..<size)
            benchmark.stopMeasurement()
        }
    }
    // Their past takes up to a minute, each time.
    for past in [1_000_000, 10_000_000] {
        let configuration = Benchmark.Configuration(
            metrics: [.wallClock, .throughput], warmupIterations: 0, maxDuration: .seconds(3), maxIterations: 1)
        let name = "BOCPD after \(past.formatted())"
        Benchmark(name, configuration: configuration) { benchmark in
            var measure = RunLengths(market, after: past)
            benchmark.startMeasurement()
            measure.run(0..<size)
            benchmark.stopMeasurement()
        }
    }
}
