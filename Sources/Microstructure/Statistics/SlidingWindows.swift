/// A sum that supports removing a term.
public protocol InvertibleSum: Sendable {
    associatedtype Element: Sendable
    /// The empty sum.
    init()
    mutating func add(_ element: Element)
    /// Undoes `add` of the same element.
    mutating func remove(_ element: Element)
}

/// Sums of one stream of timed elements over several windows `(t−w, t]`, exact by time.
///
/// All windows share one ring of elements; each stores its first element. An empty window's sum restarts, so that
/// rounding errors do not outlive the elements. Every element is added once and removed once for each window: amortised
/// O(windows) an element, whatever the clock does.
public struct SlidingWindows<Sum: InvertibleSum>: Sendable {
    private struct Entry: Sendable {
        var time: Timestamp
        var element: Sum.Element
    }

    private struct Window: Sendable {
        let width: Int64
        var sum = Sum()
        /// Number, counted from the first element ever, of the oldest element inside.
        var begin = 0

        /// Removes the oldest element; `end` is the number of the next one to come.
        mutating func remove(_ element: Sum.Element, end: Int) {
            begin += 1
            if begin == end {
                sum = Sum()
            } else {
                sum.remove(element)
            }
        }
    }

    private var entries: RingBuffer<Entry>
    private var windows: [Window]
    /// Number of the oldest element kept.
    private var begin = 0
    /// The latest `now`.
    private var clock = Timestamp(nanoseconds: .min)
    /// Elements that left a window early because the ring was at its limit.
    public private(set) var earlyExpiries: UInt64 = 0

    /// - Parameters:
    ///   - widths: nanoseconds, ascending and positive.
    ///   - limit: most elements kept. Beyond it the oldest leave early and are counted.
    public init(widths: [Int64], limit: Int) {
        precondition(!widths.isEmpty && widths[0] > 0 && zip(widths, widths.dropFirst()).allSatisfy { $0 < $1 })
        windows = widths.map { Window(width: $0) }
        entries = RingBuffer(limit: limit)
    }

    /// The sum over window `index`, as of the last `advance` or `append`.
    public subscript(index: Int) -> Sum { windows[index].sum }

    /// How many elements lie in window `index`.
    public func count(_ index: Int) -> Int { end - windows[index].begin }

    /// Removes elements of age `width` or more. `now` must not go backwards.
    public mutating func advance(to now: Timestamp) {
        // A second call at the same time has nothing to do.
        guard now > clock else { return }
        clock = now
        guard !entries.isEmpty else { return }
        let end = end
        for index in windows.indices {
            // A local copy: through the array, every element would check for sharing again.
            var window = windows[index]
            let before = window.begin
            while window.begin < end {
                let oldest = entries[window.begin - begin]
                guard now.nanoseconds(since: oldest.time) >= window.width else { break }
                window.remove(oldest.element, end: end)
            }
            if window.begin != before { windows[index] = window }
        }
        // The last window is the widest: elements outside it are outside all windows.
        while begin < windows[windows.count - 1].begin {
            entries.popFirst()
            begin += 1
        }
    }

    /// Adds an element that happens at `now`, which must not go backwards.
    public mutating func append(_ element: Sum.Element, at now: Timestamp) {
        advance(to: now)
        if entries.isFull, let oldest = entries.first {
            let end = end
            for index in windows.indices where windows[index].begin == begin {
                windows[index].remove(oldest.element, end: end)
            }
            entries.popFirst()
            begin += 1
            earlyExpiries += 1
        }
        entries.append(Entry(time: now, element: element))
        for index in windows.indices { windows[index].sum.add(element) }
    }

    /// Forgets all elements and keeps the memory.
    public mutating func removeAll() {
        begin = end
        entries.removeAll()
        for index in windows.indices {
            windows[index].sum = Sum()
            windows[index].begin = begin
        }
    }

    private var end: Int { begin + entries.count }
}
