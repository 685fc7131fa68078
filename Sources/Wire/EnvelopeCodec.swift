import SwiftProtobuf

/// Envelope ↔ bytes, with the limits of the bus.
public enum EnvelopeCodec {
    /// Largest envelope that is read. A book of 5,000 levels a side stays below 200 KiB.
    public static let byteLimit = 1 << 20

    /// Encodes an envelope. Cannot fail: the messages have no required fields and no `Any`.
    public static func encode(_ envelope: ProtoEnvelope) -> [UInt8] {
        (try? envelope.serializedBytes()) ?? []
    }

    /// Decodes and checks two things for every reader: a payload and a sequence from 1.
    public static func decode(_ bytes: [UInt8]) throws(WireError) -> ProtoEnvelope {
        guard bytes.count <= byteLimit else { throw .tooLarge(bytes: bytes.count, limit: byteLimit) }
        let envelope: ProtoEnvelope
        do {
            envelope = try ProtoEnvelope(serializedBytes: bytes)
        } catch {
            throw .malformed
        }
        guard envelope.payload != nil else { throw .missingPayload }
        guard envelope.sequence > 0 else { throw .invalidField("sequence") }
        return envelope
    }
}
