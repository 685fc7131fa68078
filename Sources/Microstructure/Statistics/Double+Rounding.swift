extension Double {
    /// The nearest double, as `init(_:)` gives it at many times the cost; fastest if the value fits 64 bits.
    public init(rounding wide: Int128) {
        if let narrow = Int64(exactly: wide) {
            self.init(narrow)
            return
        }
        let magnitude = wide.magnitude
        let dropped = 64 - magnitude.leadingZeroBitCount
        // Of the dropped bits only "any set?" matters: the 64 kept bits exceed a double's 53 and the rounding bit.
        let kept = UInt64(truncatingIfNeeded: magnitude &>> UInt128(dropped))
        let rounded = Double(magnitude.trailingZeroBitCount < dropped ? kept | 1 : kept)
        let power = Double(bitPattern: UInt64(1_023 + dropped) << 52)
        self = wide < 0 ? -rounded * power : rounded * power
    }
}
