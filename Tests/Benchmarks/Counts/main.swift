import Measures

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

// Does every measure once, half of its items before it counts and half while it does. counts.py runs it twice: preloaded
// with allocation_counter.c it prints the mallocs, and under callgrind, which counts only within `counted`, it prints zeros.

private let size = 20_000

private typealias Counter = @convention(c) () -> UInt64
private let mallocs: Counter? = dlsym(nil, "microstructure_allocation_calls").map {
    unsafeBitCast($0, to: Counter.self)
}

/// counts.py looks for its name.
@inline(never)
private func counted(_ measure: inout any Measure & ~Copyable, _ items: Range<Int>) throws { try measure.run(items) }

private func count(_ name: String, _ made: consuming any Measure & ~Copyable, items size: Int) throws {
    var measure = made
    try measure.run(0..<size / 2)
    let before = mallocs?() ?? 0
    try counted(&measure, size / 2..<size)
    let calls = (mallocs?() ?? 0) - before
    print(name, size / 2, calls, separator: "\t")
}

// With the argument `frames`: what a frame of each venue takes.
if CommandLine.arguments.dropFirst().first == "frames" {
    let frames = VenueFrames(size: 1_000)
    for (name, make) in frameMeasures { try count(name, make(frames), items: frames.size) }
} else {
    let market = try Market(size: size)
    for (name, make) in measures { try count(name, make(market), items: size) }
}
