"""Figures and the table that they are printed in."""

import math
import statistics

rows = []


def measured(what, values, unit="ms", note=""):
    """Adds a row of several measurements."""
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, math.ceil(0.95 * len(ordered)) - 1)]
    cells = [ordered[0], statistics.median(ordered), p95, ordered[-1]]
    _add(what, [f"{cell:.1f}" for cell in cells], len(ordered), unit, note)


def single(what, value, unit, note=""):
    """Adds a row of one measurement."""
    _add(what, ["", f"{value:.2f}" if value < 10 else f"{value:.1f}", "", ""], 1, unit, note)


def heading(text):
    rows.append(f"\n### {text}\n\n| what | min | median | p95 | max | unit | n | |\n|---|--:|--:|--:|--:|---|--:|---|")
    print(rows[-1], flush=True)


def _add(what, cells, count, unit, note):
    rows.append(f"| {what} | {' | '.join(cells)} | {unit} | {count} | {note} |")
    print(rows[-1], flush=True)
