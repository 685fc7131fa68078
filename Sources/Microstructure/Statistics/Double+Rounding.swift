extension Double {
    /// The nearest double, as `init(_:)` has it at many times the cost; quickest where the value fits 64 bits.
    public init(rounding wide: Int128) {
        if let narrow = Int64(exactly: wide) {
            self.init(narrow)
            return
        }
        let magnitude = wide.magnitude
        let dropped = 64 - magnitude.leadingZeroBitCount
        // Of the bits that are dropped it only counts whether there are any: 64 are more than a double has, and one more.
        let kept = UInt64(truncatingIfNeeded: magnitude &>> UInt128(dropped))
        let rounded = Double(magnitude.trailingZeroBitCount < dropped ? kept | 1 : kept)
        let power = Double(bitPattern: UInt64(1_023 + dropped) << 52)
        self = wide < 0 ? -rounded * power : rounded * power
    }
}
