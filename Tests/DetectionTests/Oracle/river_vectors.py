"""Prints the golden vectors of ChangeDetectorTests.swift, as river computes them: pip install river==0.26.1.

The series is made of integers alone (SplitMix64, sums of twelve), so that Swift makes the same one bit for bit.
"""

from river.drift import PageHinkley
from river.drift.adwin import AdaptiveWindowing

MASK = (1 << 64) - 1
LEVELS = [0.0, 1.5, 1.5, -0.5, -0.5, 3.0, 0.0, 0.25]
SEGMENT = 500


def series(seed):
    state = seed

    def uniform():
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return ((z ^ (z >> 31)) >> 11) * 2.0**-53

    for level in LEVELS:
        for _ in range(SEGMENT):
            total = 0.0
            for _ in range(12):
                total += uniform()
            yield total - 6.0 + level


def page_hinkley(delta, threshold):
    detector = PageHinkley(min_instances=30, delta=delta, threshold=threshold, alpha=1.0, mode="both")
    alarms = []
    for place, x in enumerate(series(7)):
        detector.update(x)
        if detector.drift_detected:
            rise = detector._sum_increase - detector._min_increase
            fall = detector._max_decrease - detector._sum_decrease
            alarms.append((place, rise if rise > threshold else -fall))
    return alarms


def adwin(delta):
    # The window itself, not river.drift.ADWIN, which throws the whole window away after an alarm.
    window = AdaptiveWindowing(delta=delta, clock=1, max_buckets=5, min_window_length=1, grace_period=1)
    alarms = []
    for place, x in enumerate(series(7)):
        if window.update(x):
            alarms.append((place, int(window.get_width()), window.get_total() / window.get_width()))
    return alarms, int(window.get_width()), window.get_total() / window.get_width()


if __name__ == "__main__":
    for delta, threshold in [(0.5, 20.0), (0.1, 50.0)]:
        print("Page-Hinkley", delta, threshold, page_hinkley(delta, threshold))
    for delta in [0.002, 0.05]:
        print("ADWIN", delta, adwin(delta))
