import Runtime
import Foundation
import Transport

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
    let chat: TelegramChat
    /// The topic of a group with topics; `nil` is the general one.
    var threadID: Int64?
    let links: SignalLinks
    let post: HTTPPost

    var rateLimits: [RateLimit] {
        let chatLimit = RateLimit(count: 1, seconds: 1, burst: 1)
        let isGroup = chat.id.hasPrefix("-") || chat.id.hasPrefix("@")
        return isGroup ? [chatLimit, RateLimit(count: 20, seconds: 60, burst: 5)] : [chatLimit]
    }

    struct Preview: Encodable {
        let isDisabled = true
    }

    struct Message: Encodable {
        let chatId: String
        var messageThreadId: Int64?
        let text: String
        let parseMode = "HTML"
        let linkPreviewOptions = Preview()
    }

    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String {
        do throws(DeliveryFailure) {
            return try await send(notification)
        } catch {
            // The group has become a supergroup, which has another id: followed at once.
            guard let id = error.movedTo, "\(id)" != chat.id else { throw error }
            chat.follow("\(id)")
            return try await send(notification)
        }
    }

    var notice: String { chat.notice }

    private func send(_ notification: AlertMessage) async throws(DeliveryFailure) -> String {
        try await post.send(
            messageJSON(message(notification)), to: "\(base)/bot\(token)/sendMessage", judge: Self.judge)
    }

    func room(for groups: [AlertMessage.Group]) -> Int { AlertMessage.room(for: groups, Self.line) }

    /// Telegram describes in words what it refuses. Only what speaks of the text is the message's fault; any other 400
    /// (chat not found, topic closed, no right to write) stays so until a person mends the chat.
    static func judge(_ response: HTTPResponse) -> HTTPPost.Judgement? {
        struct Answer: Decodable {
            struct Parameters: Decodable { var migrateToChatId: Int64? }
            var description: String?
            var parameters: Parameters?
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard (400..<500).contains(response.status), ![408, 425, 429].contains(response.status),
            let answer = try? decoder.decode(Answer.self, from: Data(response.body))
        else { return nil }
        if let id = answer.parameters?.migrateToChatId {
            return HTTPPost.Judgement(cause: .held, advice: "change TELEGRAM_CHAT_ID to \(id)", movedTo: id)
        }
        let text = answer.description?.lowercased() ?? ""
        let isOfText = [
            "can't parse", "entities", "message text is empty", "too long", "utf-8", "message is empty",
        ].contains { text.contains($0) }
        switch response.status {
        case 400, 413: if isOfText { return HTTPPost.Judgement(cause: .refused) }
        case 401, 404:
            return HTTPPost.Judgement(cause: .held, advice: "check TELEGRAM_BOT_TOKEN: the bot does not exist")
        default: break
        }
        let advice =
            text.contains("thread") || text.contains("topic")
            ? "check that the topic exists and is open, and TELEGRAM_THREAD_ID"
            : "check that the bot is in the chat and may write there, and TELEGRAM_CHAT_ID"
        return HTTPPost.Judgement(cause: .held, advice: advice)
    }

    func message(_ notification: AlertMessage) -> Message {
        let title = Self.text("\(notification.severity.mark) \(notification.title)", 256)
        var parts = ["<b>\(title)</b>"]
        if notification.count == 1, let signal = notification.signals.first {
            parts.append(
                AlertMessage.facts(of: signal).map {
                    "\(Self.text($0.name, 64)): <code>\(Self.text($0.value, 200))</code>"
                }.joined(separator: "\n"))
        } else {
            parts += notification.digest(Self.line)
        }
        if let signal = notification.signals.last, let link = links.link(to: signal) {
            parts.append("<a href=\"\(Self.escapeAll(link))\">Explanation</a>")
        }
        // The general topic has the id 1, which Telegram refuses in a message.
        let thread = threadID == 1 ? nil : threadID
        return Message(chatId: chat.id, messageThreadId: thread, text: parts.joined(separator: "\n\n"))
    }

    private static func line(_ text: String) -> String { Self.text(text, AlertMessage.lineLimit) }
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
