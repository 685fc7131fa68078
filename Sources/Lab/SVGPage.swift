/// Line charts one above the other, with one horizontal scale.
struct SVGPage {
    struct Line {
        let color: String
        /// Label in the panel's corner; `nil` if the title suffices.
        var name: String?
        /// Points from left to right; `x` from 0 to 1. A value that is not finite is a gap.
        let points: [(x: Double, y: Double)]
    }

    static let colors = ["#1f77b4", "#ff7f0e", "#2ca02c"]
    private static let step = 130.0
    /// Room for the numbers beside a panel.
    private static let left = 94.0

    private var picture: SVGPicture
    private var top = 36.0

    /// - Parameter panels: how many there will be.
    init(panels: Int, title: String) {
        picture = SVGPicture(width: 820, height: top + Self.step * Double(panels) + 4)
        picture.text(title, x: Self.left, y: 22, color: "#000", size: 15)
    }

    var text: String { picture.svg }

    /// - Parameter fromZero: the axis begins at 0, or below it where a value lies there.
    mutating func panel(_ title: String, _ lines: [Line], fromZero: Bool) {
        defer { top += Self.step }
        let all = lines.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
        guard let largest = all.max(), let smallest = all.min() else {
            picture.text("\(title): no data", x: Self.left, y: top + 60, color: "#888")
            return
        }
        let low = fromZero ? min(0, smallest) : smallest
        let panel = picture.panel(
            SVGPicture.Frame(x: Self.left, y: top, width: 800 - Self.left, height: 110), title, horizontal: 0...1,
            vertical: low...max(low, largest))
        for line in lines { picture.line(panel, line.points, color: line.color) }
        for (row, line) in lines.filter({ $0.name != nil }).enumerated() {
            picture.text(
                line.name ?? "", x: 796, y: top + 14 * Double(row + 1), color: line.color, anchor: "end")
        }
    }
}
