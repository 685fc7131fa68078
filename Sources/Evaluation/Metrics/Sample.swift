import RealModule

/// Statistics of a list. NaN if the list is too short.
enum Sample {
    static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

    /// Population standard deviation: divided by the count.
    static func deviation(_ values: [Double]) -> Double {
        let mean = mean(values)
        return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
    }

    /// 0 for a normal distribution.
    static func excessKurtosis(_ values: [Double]) -> Double {
        let (mean, deviation) = (mean(values), deviation(values))
        let fourth = values.reduce(0) { $0 + Double.pow(($1 - mean) / deviation, 4) } / Double(values.count)
        return fourth - 3
    }

    static func autocorrelation(_ values: [Double], _ lag: Int) -> Double {
        guard values.count > lag else { return .nan }
        let mean = mean(values)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        let product = zip(values, values.dropFirst(lag)).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) }
        return product / Double(values.count - lag) / variance
    }

    static func correlation(_ x: [Double], _ y: [Double]) -> Double {
        let (meanX, meanY) = (mean(x), mean(y))
        let product = zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) } / Double(x.count)
        return product / (deviation(x) * deviation(y))
    }

    static func share(_ values: [Double], _ condition: (Double) -> Bool) -> Double {
        Double(values.count(where: condition)) / Double(values.count)
    }
}
