import Foundation

/// Draws panels of lines, points and bars as SVG, one beside or above another.
struct SVGPicture {
    struct Frame {
        var x, y, width, height: Double
    }

    /// A frame with a scale: where values lie on the page.
    struct Panel {
        let frame: Frame
        let horizontal: ClosedRange<Double>
        let vertical: ClosedRange<Double>

        func x(_ value: Double) -> Double {
            frame.x + frame.width * (value - horizontal.lowerBound) / max(Self.width(horizontal), .leastNormalMagnitude)
        }

        /// A tenth of the height stays free above, for the title.
        func y(_ value: Double) -> Double {
            let share = (value - vertical.lowerBound) / max(Self.width(vertical), .leastNormalMagnitude)
            return frame.y + frame.height - frame.height * 10 / 11 * share
        }

        private static func width(_ range: ClosedRange<Double>) -> Double { range.upperBound - range.lowerBound }
    }

    private let width, height: Double
    private var body = ""

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    var svg: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(width)) \(Self.number(height))" \
        font-family="sans-serif" font-size="12">
        <rect width="\(Self.number(width))" height="\(Self.number(height))" fill="#fff"/>
        \(body)</svg>

        """
    }

    mutating func text(
        _ text: String, x: Double, y: Double, color: String = "#444", anchor: String = "start", size: Double = 12
    ) {
        body += String(
            format: "<text x=\"%.1f\" y=\"%.1f\" fill=\"%@\" text-anchor=\"%@\" font-size=\"%.0f\">%@</text>\n", x, y,
            color, anchor, size, Self.escaped(text))
    }

    /// A frame with its title and the ends of its scales. A range without a width is given one.
    mutating func panel(
        _ frame: Frame, _ title: String, horizontal: ClosedRange<Double>, vertical: ClosedRange<Double>,
        horizontalEnds: (String, String)? = nil
    ) -> Panel {
        func wide(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
            range.lowerBound < range.upperBound ? range : range.lowerBound...(range.lowerBound + 1)
        }
        let panel = Panel(frame: frame, horizontal: wide(horizontal), vertical: wide(vertical))
        body += String(
            format: "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#ccc\"/>\n",
            frame.x, frame.y, frame.width, frame.height)
        text(title, x: frame.x + 4, y: frame.y + 14)
        for value in [panel.vertical.lowerBound, panel.vertical.upperBound] {
            text(Self.value(value), x: frame.x - 4, y: panel.y(value), color: "#666", anchor: "end")
        }
        if let horizontalEnds {
            text(horizontalEnds.0, x: frame.x, y: frame.y + frame.height + 14, color: "#666")
            text(
                horizontalEnds.1, x: frame.x + frame.width, y: frame.y + frame.height + 14, color: "#666",
                anchor: "end")
        }
        return panel
    }

    /// A line through the points; what is not finite parts it.
    mutating func line(_ panel: Panel, _ points: [(x: Double, y: Double)], color: String, dashed: Bool = false) {
        var path = ""
        var isDrawing = false
        for point in points {
            guard point.x.isFinite, point.y.isFinite else {
                isDrawing = false
                continue
            }
            path += String(format: "%@%.1f %.1f", isDrawing ? "L" : "M", panel.x(point.x), panel.y(point.y))
            isDrawing = true
        }
        guard !path.isEmpty else { return }
        body += "<path d=\"\(path)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\""
        body += dashed ? " stroke-dasharray=\"4 4\"/>\n" : "/>\n"
    }

    mutating func point(_ panel: Panel, x: Double, y: Double, color: String, radius: Double = 3, note: String = "") {
        body += String(
            format: "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%@\" fill-opacity=\"0.8\">", panel.x(x),
            panel.y(y), radius, color)
        body += note.isEmpty ? "</circle>\n" : "<title>\(Self.escaped(note))</title></circle>\n"
    }

    /// A bar from the panel's lower end, or from zero where the scale holds it.
    mutating func bar(_ panel: Panel, from left: Double, to right: Double, value: Double, color: String) {
        let base = max(panel.vertical.lowerBound, min(0, panel.vertical.upperBound))
        let (top, bottom) = (panel.y(max(value, base)), panel.y(min(value, base)))
        body += String(
            format: "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%@\"/>\n", panel.x(left) + 1,
            top,
            max(1, panel.x(right) - panel.x(left) - 2), max(0, bottom - top), color)
    }

    static func value(_ value: Double) -> String { String(format: "%.6g", value) }
    private static func number(_ value: Double) -> String { String(format: "%.0f", value) }

    static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
    }
}
