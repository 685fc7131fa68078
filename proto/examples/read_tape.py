#!/usr/bin/env python3
"""Reads a tape, also one whose writer was killed: a reader in Python.

Needs zstandard, protobuf and protoc (Debian: python3-zstandard python3-protobuf protobuf-compiler). The format is
described in Sources/Microstructure/Microstructure.docc/Tape.md.

    python3 proto/examples/read_tape.py TAPE            counts a symbol and kind
    python3 proto/examples/read_tape.py TAPE --rows     one line a message

Exit code 1 where the tape is damaged; what is intact is shown all the same.
"""
import argparse
import collections
import importlib
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import zstandard

FILE_HEADER = struct.Struct("<8sIqI")
BLOCK_HEADER = struct.Struct("<4sIIIqqII")
RECORD_HEADER = struct.Struct("<HI")
TRAILER = struct.Struct("<QII8s")
BLOCK_BYTE_LIMIT = 4 << 20


def load_messages():
    """Compiles the contract into a temporary folder and imports it, so that no generated code can grow old."""
    contract = pathlib.Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(str(path) for path in contract.glob("microstructure/v1/*.proto"))
        subprocess.run(["protoc", "-I", str(contract), f"--python_out={folder}", *files], check=True)
        sys.path.insert(0, folder)
        return importlib.import_module("microstructure.v1.envelope_pb2")


def block_header(data, position):
    """The fields of an intact block header at `position`, or None."""
    raw = data[position:position + BLOCK_HEADER.size]
    if len(raw) < BLOCK_HEADER.size:
        return None
    magic, records, payload_size, content_size, earliest, latest, payload_crc, crc = BLOCK_HEADER.unpack(raw)
    if magic != b"TBLK" or crc != zlib.crc32(raw[:-4]) or content_size > BLOCK_BYTE_LIMIT:
        return None
    return records, payload_size, content_size, payload_crc


def next_block(data, start, end):
    """Where the next intact block header begins, at or behind `start`; `end` where there is none."""
    while (found := data.find(b"TBLK", start, end)) >= 0:
        if block_header(data, found):
            return found
        start = found + 1
    return end


def read_segment(path, problems):
    """Yields (topic, body) of every record of every intact block, in order; appends what is wrong to `problems`."""
    data = path.read_bytes()
    if len(data) < FILE_HEADER.size:
        problems.append(f"{path}: no tape")
        return
    magic, version, _created, crc = FILE_HEADER.unpack_from(data)
    if magic != b"MSTAPE\r\n" or crc != zlib.crc32(data[:20]):
        problems.append(f"{path}: the file header is damaged")
    elif version != 1:
        problems.append(f"{path}: version {version} of the format is not known")
        return

    # With its trailer the segment was closed in order, and the blocks end where the index begins.
    end = len(data)
    is_closed = False
    if len(data) >= FILE_HEADER.size + TRAILER.size:
        raw = data[-TRAILER.size:]
        index_offset, index_size, crc, magic = TRAILER.unpack(raw)
        is_closed = (magic == b"TAPEEND\n" and crc == zlib.crc32(raw[:12])
                     and index_offset + index_size + TRAILER.size == len(data))
        if is_closed:
            end = index_offset
    if not is_closed:
        print(f"{path}: no index: its writer was killed, or still writes", file=sys.stderr)

    decompressor = zstandard.ZstdDecompressor()
    position = FILE_HEADER.size
    while position < end:
        header = block_header(data, position)
        if header is None:
            if not is_closed and data[position:position + 4] == b"TIDX":
                return
            following = next_block(data, position + 1, end)
            problems.append(f"{path}, byte {position}: {following - position} bytes that are no block passed over")
            position = following
            continue
        records, payload_size, content_size, payload_crc = header
        start = position + BLOCK_HEADER.size
        payload = data[start:min(start + payload_size, end)]
        if len(payload) < payload_size or payload_crc != zlib.crc32(payload):
            problems.append(f"{path}, byte {position}: a block of {records} records is damaged or cut off")
            after = start + payload_size
            position = after if after == end or block_header(data, after) else next_block(data, start, end)
            continue
        content = decompressor.decompress(payload, max_output_size=content_size)
        used = 0
        while used < len(content):
            topic_size, body_size = RECORD_HEADER.unpack_from(content, used)
            used += RECORD_HEADER.size
            yield content[used:used + topic_size], content[used + topic_size:used + topic_size + body_size]
            used += topic_size + body_size
        position = start + payload_size


def read_tape(path, problems):
    """Yields (topic, body) of a segment, or of all segments of a folder in the order of their names."""
    path = pathlib.Path(path)
    for segment in sorted(path.glob("*.tape")) if path.is_dir() else [path]:
        yield from read_segment(segment, problems)


def main():
    parser = argparse.ArgumentParser(description="Read a tape.")
    parser.add_argument("tape", help="a segment, or a folder of them")
    parser.add_argument("--rows", action="store_true", help="one line a message instead of a summary")
    options = parser.parse_args()

    messages = load_messages()
    problems = []
    counts = collections.Counter()
    for topic, body in read_tape(options.tape, problems):
        envelope = messages.Envelope.FromString(body)
        kind = envelope.WhichOneof("payload")
        if options.rows:
            print(topic.decode(), envelope.sequence, kind, getattr(envelope, kind).receive_time_ns)
        counts[topic.decode()] += 1
    if not options.rows:
        for topic, count in sorted(counts.items()):
            print(f"{topic} {count}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
