import Runtime
import Wire
import Foundation
import Transport

/// Discord, through a webhook.
///
/// Limits kept: 5 requests in 2 seconds per webhook and 30 per minute per channel; content 2,000 characters; 10 embeds
/// per message; title 256, description 4,096, 25 fields with a name of 256 and a value of 1,024, footer 2,048; 6,000
/// characters in all embeds together. Source: discord.com/developers, "Rate limits" and "Embed limits".
struct DiscordSink: AlertSink {
    let name = "discord"
    let rateLimits = [RateLimit(count: 5, seconds: 2, burst: 1), RateLimit(count: 30, seconds: 60, burst: 5)]
    let groupLimit = 10_000
    let detailLimit = 10
    let url: String
    let links: SignalLinks
    let post: HTTPPost

    struct Field: Encodable {
        let name: String
        let value: String
        let inline = true
    }

    struct Embed: Encodable {
        let title: String
        var description: String?
        var url: String?
        /// RGB.
        let color: Int
        var fields: [Field]?
        var timestamp: String?
    }

    struct Mentions: Encodable {
        let parse: [String] = []
    }

    struct Message: Encodable {
        let embeds: [Embed]
        /// Nobody is pinged, whatever mentions the text contains.
        let allowedMentions = Mentions()
    }

    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String {
        try await post.send(messageJSON(message(notification)), to: url, judge: Self.judge)
    }

    func room(for groups: [AlertMessage.Group]) -> Int { AlertMessage.room(for: groups, Self.line) }

    /// Discord's own code tells a message that it does not take from a webhook that does not work. Source:
    /// discord.com/developers, "JSON error codes".
    static func judge(_ response: HTTPResponse) -> HTTPPost.Judgement? {
        struct Answer: Decodable { var code: Int? }
        guard [400, 403].contains(response.status),
            let code = (try? JSONDecoder().decode(Answer.self, from: Data(response.body)))?.code, code != 0
        else { return nil }
        // Too large, empty, explicit, an invalid form or JSON, or stopped by automatic moderation.
        guard ![40_005, 50_006, 20_009, 50_035, 50_109, 200_000, 200_001, 240_000].contains(code) else {
            return HTTPPost.Judgement(cause: .refused)
        }
        return HTTPPost.Judgement(
            cause: .held,
            advice: "check the webhook and its channel (a forum's webhook needs ?thread_id=…); else change "
                + "DISCORD_WEBHOOK_URL")
    }

    func message(_ notification: AlertMessage) -> Message {
        var embed = Embed(
            title: Self.text(notification.title, 256), color: Self.colour(notification.severity))
        if let signal = notification.signals.last {
            embed.timestamp = AlertMessage.time(signal.timestamp)
            embed.url = links.link(to: signal)
        }
        if notification.count == 1, let signal = notification.signals.first {
            embed.fields = AlertMessage.facts(of: signal).prefix(25).map {
                Field(name: Self.text($0.name, 256), value: Self.text($0.value, 200))
            }
        } else {
            // Title and description together stay below the message's limit of 6,000 characters.
            embed.description = notification.digest(Self.line).joined(separator: "\n\n")
        }
        return Message(embeds: [embed])
    }

    private static func line(_ text: String) -> String { Self.text(text, AlertMessage.lineLimit) }
    private static func text(_ text: String, _ limit: Int) -> String { MessageText.fit(text, limit, escape: escape) }

    /// Puts a backslash before any character that has a meaning in Discord's Markdown or mentions.
    static func escape(_ character: Character) -> String {
        "\\`*_{}[]()<>#+!|~@".contains(character) ? "\\\(character)" : String(character)
    }

    private static func colour(_ severity: Severity) -> Int {
        switch severity {
        case .info: 0x3498DB
        case .warning: 0xE67E22
        case .critical: 0xE74C3C
        }
    }
}
