import Runtime
import Transport

/// Slack, through an incoming webhook.
///
/// Limits kept: one message per second per webhook; message text 40,000 characters, block 3,000, header 150; 50 blocks;
/// 10 fields per block of 2,000 each. Source: api.slack.com, "Rate limits" and "Block Kit reference".
struct SlackSink: AlertSink {
    let name = "slack"
    let rateLimits = [RateLimit(count: 1, seconds: 1, burst: 1)]
    let groupLimit = 10_000
    let detailLimit = 10
    let url: String
    let links: SignalLinks
    let post: HTTPPost

    struct Text: Encodable {
        let type: String
        let text: String
        /// Plain text only: `:name:` stays as it is.
        var emoji: Bool?
    }

    struct Block: Encodable {
        let type: String
        var text: Text?
        var fields: [Text]?
        var elements: [Text]?
    }

    struct Message: Encodable {
        /// Shown in notifications and by clients that cannot show blocks.
        let text: String
        let blocks: [Block]
        let unfurlLinks = false
    }

    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String {
        try await post.send(messageJSON(message(notification)), to: url, judge: Self.judge)
    }

    func room(for groups: [AlertMessage.Group]) -> Int { AlertMessage.room(for: groups, Self.line) }

    /// Slack names what is wrong in the body, whatever the status. Source: api.slack.com, "Incoming webhooks: errors".
    static func judge(_ response: HTTPResponse) -> HTTPPost.Judgement? {
        let held = [
            "invalid_token", "token_revoked", "account_inactive", "action_prohibited", "channel_is_archived",
            "channel_not_found", "user_not_found", "no_service", "no_team", "team_disabled", "no_active_hooks",
            "posting_to_", "org_login_required",
        ]
        let body = String(decoding: response.body.prefix(256), as: UTF8.self)
        guard (400..<500).contains(response.status), held.contains(where: { body.contains($0) }) else { return nil }
        return HTTPPost.Judgement(
            cause: .held, advice: "check that the webhook and its channel still exist; else change SLACK_WEBHOOK_URL")
    }

    func message(_ notification: AlertMessage) -> Message {
        let title = "\(notification.severity.mark) \(notification.title)"
        var blocks = [Block(type: "header", text: Self.plain(title, 150))]
        if notification.count == 1, let signal = notification.signals.first {
            let facts = AlertMessage.facts(of: signal).prefix(10)
            blocks.append(Block(type: "section", fields: facts.map { Self.plain("\($0.name): \($0.value)", 2_000) }))
        } else {
            blocks += notification.digest(Self.line).map { Block(type: "section", text: Self.plainLines($0)) }
        }
        if let signal = notification.signals.last, let link = links.link(to: signal) {
            let text = "<\(Self.escape(link))|Explanation>"
            blocks.append(Block(type: "context", elements: [Text(type: "mrkdwn", text: text)]))
        }
        return Message(text: MessageText.fit(title, 3_000, escape: { Self.escape(String($0)) }), blocks: blocks)
    }

    /// Plain text: Slack reads no markup, mention or link in it.
    private static func plain(_ text: String, _ limit: Int) -> Text {
        Text(type: "plain_text", text: MessageText.fit(text, limit), emoji: false)
    }

    private static func line(_ text: String) -> String { MessageText.fit(text, AlertMessage.lineLimit) }

    private static func plainLines(_ text: String) -> Text { Text(type: "plain_text", text: text, emoji: false) }

    /// The three characters that Slack's markup reserves.
    static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
