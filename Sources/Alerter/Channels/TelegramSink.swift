import Runtime

/// Telegram, through a bot.
///
/// Limits kept: one message per second per chat, 20 per minute per group (a chat whose id is negative or a name), 30
/// per second in all; text of 1 to 4,096 characters after parsing the markup. Source: core.telegram.org, "Bots FAQ" and
/// "Bot API: sendMessage, HTML style".
struct TelegramSink: AlertSink {
    let name = "telegram"
    let groupLimit = 10_000
    let detailLimit = 10
    let base: String
    let token: String
    let chat: String
    let links: SignalLinks
    let post: HTTPPost

    var rateLimits: [RateLimit] {
        let chatLimit = RateLimit(count: 1, seconds: 1, burst: 1)
        let isGroup = chat.hasPrefix("-") || chat.hasPrefix("@")
        return isGroup ? [chatLimit, RateLimit(count: 20, seconds: 60, burst: 5)] : [chatLimit]
    }

    struct Preview: Encodable {
        let isDisabled = true
    }

    struct Message: Encodable {
        let chatId: String
        let text: String
        let parseMode = "HTML"
        let linkPreviewOptions = Preview()
    }

    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String {
        try await post.send(messageJSON(message(notification)), to: "\(base)/bot\(token)/sendMessage")
    }

    func message(_ notification: AlertMessage) -> Message {
        let title = Self.text("\(SlackSink.mark(notification.severity)) \(notification.title)", 256)
        var parts = ["<b>\(title)</b>"]
        if notification.count == 1, let signal = notification.signals.first {
            parts.append(
                AlertMessage.facts(of: signal).map {
                    "\(Self.text($0.name, 64)): <code>\(Self.text($0.value, 200))</code>"
                }.joined(separator: "\n"))
        } else {
            let groups = notification.groups.map { Self.text(AlertMessage.line(of: $0), 200) }
            let lines = notification.signals.map { Self.text(AlertMessage.line(of: $0), 200) }
            parts += [groups, lines].map { MessageText.lines($0, limit: 1_500) { "and \($0) more" } }
        }
        if let signal = notification.signals.last, let link = links.link(to: signal) {
            parts.append("<a href=\"\(Self.escapeAll(link))\">Explanation</a>")
        }
        return Message(chatId: chat, text: parts.joined(separator: "\n\n"))
    }

    private static func text(_ text: String, _ limit: Int) -> String { MessageText.fit(text, limit, escape: escape) }
    private static func escapeAll(_ text: String) -> String { text.map(escape).joined() }

    static func escape(_ character: Character) -> String {
        switch character {
        case "&": "&amp;"
        case "<": "&lt;"
        case ">": "&gt;"
        case "\"": "&quot;"
        default: String(character)
        }
    }
}
