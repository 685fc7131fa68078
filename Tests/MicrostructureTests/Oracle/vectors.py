"""When a vector is written, and what the book is known to be then.

A vector is written at each valid book event, and at a status when no book event wrote one since the last status.
"""

from dataclasses import dataclass

import numpy as np

from events import VALID

SECOND = 1_000_000_000


@dataclass
class Vectors:
    """One entry a vector unless said otherwise.

    `clock` is one entry an event: the latest receive time so far. `book` is the row of the believed book, or -1.
    `updates` are the rows of the valid books, with `update_epoch` (a running number) and `update_chain` (a number that
    changes when the book was not believed in between; `chain` is that of a vector). `last_update` is the number of updates
    before and at the vector, less 1.
    """

    clock: np.ndarray
    event: np.ndarray
    time_ns: np.ndarray
    is_book: np.ndarray
    book: np.ndarray
    epoch: np.ndarray
    last_update: np.ndarray
    chain: np.ndarray
    updates: np.ndarray
    update_epoch: np.ndarray
    update_chain: np.ndarray

    def __len__(self):
        return len(self.event)

    @property
    def believed(self):
        return self.book >= 0


def schedule(tape):
    clock = np.maximum.accumulate(np.array(tape.receive_ns, dtype=np.int64))
    epoch_id, epoch, chain = None, -1, 0
    known, wrote, last = False, False, -1
    written, updates = [], []
    # Before the first price nobody knows the instrument's scale, and no vector can be written.
    first = next((i for i, kind in enumerate(tape.kind) if kind != "status"), len(tape.kind))
    clock[:first] = clock[first] if first < len(clock) else 0
    for i, kind in enumerate(tape.kind):
        if i < first or kind not in ("book", "status"):
            continue
        if tape.epoch[i] is not None and tape.epoch[i] != epoch_id:
            epoch_id, epoch, chain, known = tape.epoch[i], epoch + 1, chain + 1, False
        if tape.validity[i] != VALID:
            # The flow is not continued; a book stays known under a status that only doubts it.
            known, chain = known and kind == "status", chain + 1
        if kind == "book":
            if tape.validity[i] == VALID:
                known, wrote, last = True, True, tape.row[i]
                updates.append((last, epoch, chain))
                written.append((i, True, last, epoch, len(updates) - 1, chain))
        else:
            if not wrote:
                written.append((i, False, last if known and tape.validity[i] == VALID else -1, epoch, len(updates) - 1, chain))
            wrote = False
    event, is_book, book, vector_epoch, last_update, vector_chain = (
        np.array(c, dtype=np.int64) for c in (zip(*written) if written else [()] * 6))
    rows, update_epoch, update_chain = (np.array(c, dtype=np.int64) for c in (zip(*updates) if updates else [()] * 3))
    return Vectors(clock, event, clock[event], is_book.astype(bool), book, vector_epoch, last_update,
                   vector_chain, rows, update_epoch, update_chain)


def by_update(vectors, values, at_status=None):
    """A column from one value an update: at a status of a believed book that of the last update, or of `at_status`."""
    out = np.full(len(vectors), np.nan)
    seen = vectors.believed
    out[seen] = np.asarray(values, dtype=float)[vectors.last_update[seen]]
    if at_status is not None:
        quiet = seen & ~vectors.is_book
        out[quiet] = np.asarray(at_status, dtype=float)[vectors.last_update[quiet]]
    return out


def clock_columns(vectors):
    return {
        "hour": (vectors.time_ns // (3600 * SECOND) % 24).astype(float),
        "minute": (vectors.time_ns // (60 * SECOND) % 1440).astype(float),
    }
