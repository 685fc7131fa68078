/// A file of the dashboard, a page without a build step that fetches nothing from other hosts. All files are embedded
/// in the program, so that it works from any folder.
package struct DashboardFile: Sendable {
    /// The file's last path component, e.g. `main.js`.
    package let name: String
    /// The file's media type, with the character set for text.
    package let mediaType: String
    package let bytes: [UInt8]

    /// The page itself.
    package static let index = DashboardFile("index.html", "text/html; charset=utf-8", PackageResources.index_html)

    /// The files that the page loads.
    package static let parts: [DashboardFile] = [
        script("api.js", PackageResources.api_js),
        script("charts.js", PackageResources.charts_js),
        DashboardFile("dashboard.css", "text/css; charset=utf-8", PackageResources.dashboard_css),
        DashboardFile("dygraph.LICENSE.txt", "text/plain; charset=utf-8", PackageResources.dygraph_LICENSE_txt),
        script("dygraph.min.js", PackageResources.dygraph_min_js),
        script("format.js", PackageResources.format_js),
        script("history.js", PackageResources.history_js),
        DashboardFile("icon.svg", "image/svg+xml", PackageResources.icon_svg),
        script("main.js", PackageResources.main_js),
        script("market.js", PackageResources.market_js),
        DashboardFile("markets.html", "text/html; charset=utf-8", PackageResources.markets_html),
        script("markets.js", PackageResources.markets_js),
        script("page.js", PackageResources.page_js),
        script("signals.js", PackageResources.signals_js),
        script("table.js", PackageResources.table_js),
        script("theme.js", PackageResources.theme_js),
        script("ticks.js", PackageResources.ticks_js),
    ]

    private init(_ name: String, _ mediaType: String, _ bytes: [UInt8]) {
        self.name = name
        self.mediaType = mediaType
        self.bytes = bytes
    }

    private static func script(_ name: String, _ bytes: [UInt8]) -> DashboardFile {
        DashboardFile(name, "text/javascript; charset=utf-8", bytes)
    }
}
