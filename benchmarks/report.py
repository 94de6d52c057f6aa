"""What was measured, as Markdown tables.

python benchmarks/report.py RESULTS.json [REPORT.md]
"""

import json
import sys
from pathlib import Path

import numpy as np

from tasks import CLASSES, NETS

DEEPNET = "deepnet"


def quartiles(values):
    return np.percentile(values, [25, 50, 75])


def spread(values):
    """Median and, in brackets, the quartiles."""
    low, median, high = quartiles(values)
    return f"{median:.2f} [{low:.2f}, {high:.2f}]"


def duration(seconds):
    """Three digits and a unit."""
    unit, size = next(pair for pair in (("s", 1), ("ms", 1e-3), ("us", 0)) if seconds >= pair[1])
    size = size or 1e-6
    return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}"


def best_rival(row):
    """The contender with the least median but deepnet; None if there is no other."""
    rivals = {name: np.median(times) for name, times in row["seconds"].items() if name != DEEPNET}
    return min(rivals, key=rivals.get, default=None)


def ratios(row):
    """How many times faster deepnet was than the best rival, round by round."""
    return np.divide(row["seconds"][best_rival(row)], row["seconds"][DEEPNET])


def shares(row, name=DEEPNET):
    """The contender's share of the peak, round by round."""
    return row["flops"] / np.array(row["seconds"][name]) / np.array(row["peak"])


def net_of(row):
    units = CLASSES[0] if row["net"] == "classes" else NETS[row["net"]][0]
    same = len(units) > 4 and len(set(units[:-1])) == 1
    chain = f"{units[0]}x{len(units) - 1}-{units[-1]}" if same else "-".join(map(str, units))
    return f"{row['net']} {chain} ({row['m']})"


def progress(part, row):
    """One line for who waits."""
    what = f"{part}, {threads_of(row['threads'])}, {net_of(row)} {row.get('dtype', '')}: "
    if part == "neighbour":
        return what + ", ".join(f"{name} x {slowed(row, name)}" for name in row["quiet"])
    times = [f"{name} {duration(np.median(times))}" for name, times in row["seconds"].items()]
    refused = [f"{name}: {reason[:200]}" for name, reason in row["refused"].items()]
    share = f", {np.median(shares(row)):.0%} of the peak" if row.get("peak") else ""
    faster = f"; {np.median(ratios(row)):.2f} times faster{share}" if best_rival(row) else share
    return what + ", ".join([*times, *refused]) + faster


def slowed(row, name):
    return spread(np.divide(row["busy"][name], row["quiet"][name]))


def table(rows, first, cell, with_share=False):
    """A table with a column per contender; `cell` gives what stands for a row's median seconds."""
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    head = [first, *names, "times faster than the best rival", *(["share of the peak"] if with_share else [])]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for row in rows:
        best = best_rival(row)
        cells = []
        for name in names:
            times = row["seconds"].get(name)
            text = cell(row, np.median(times)) if times else "-"
            cells.append(f"**{text}**" if name == best else text)
        line = [f"{row['data']}, {net_of(row)}" if "data" in row else net_of(row), *cells]
        line.append(spread(ratios(row)) if best else "-")
        lines.append(line + ([spread(shares(row))] if with_share else []))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def geometric_mean(rows):
    medians = [np.median(ratios(row)) for row in rows if best_rival(row)]
    return (
        f"Geometric mean over the nets: {np.exp(np.mean(np.log(medians))):.2f} times faster.\n"
        if medians
        else ""
    )


def groups(rows, *keys):
    """Rows that share the values of the keys, in the order of their first."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found.items()


def threads_of(n):
    return f"{n} thread{'s' if n > 1 else ''}"


def sections(results):
    yield introduction(results)

    def time_of(_, seconds):
        return duration(seconds)

    for (dtype, n), rows in groups(results["steps"], "dtype", "threads"):
        peak = np.median([p for row in rows for p in row["peak"]]) / 1e9
        yield f"## A training step, {dtype}, {threads_of(n)}\n"
        yield f"Multiply-adds alone reach {peak:.0f} GFLOP/s here. {geometric_mean(rows)}"
        yield table(rows, "net (examples)", time_of, with_share=True) + "\n"
    for (n,), rows in groups(results["recipes"], "threads"):
        yield f"## A training step by recipe, softmax, float32, {threads_of(n)}\n"
        yield table(rows, "recipe, net (examples)", time_of) + "\n"
    for (n,), rows in groups(results["predict"], "threads"):
        yield f"## A prediction, float32, {threads_of(n)}\n"
        yield table(rows, "net (examples)", time_of, with_share=True) + "\n"
    for (n,), rows in groups(results["calls"], "threads"):
        yield f"## One update per call from Python, float32, {threads_of(n)}\n"
        yield table(rows, "net (examples)", time_of) + "\n"
    for (n,), rows in groups(results["fit"], "threads"):
        yield f"## Training steps per second in shuffled epochs, float32, {threads_of(n)}\n"
        yield table(rows, "data, net (batch)", lambda row, s: f"{row['batches'] / s:,.0f}") + "\n"
    if results["neighbour"]:
        yield from neighbours(results["neighbour"])
    if "memory" in results:
        yield memory(results["memory"])


def introduction(results):
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    absent = "".join(f"\nNot measured: {name}, {reason}." for name, reason in results["absent"].items())
    notes = {
        note for part in ("steps", "predict") for row in results[part] for note in row["refused"].items()
    }
    refused = "".join(
        f"\nFailed in some row: {name}, {reason.splitlines()[0][:200]}." for name, reason in sorted(notes)
    )
    return f"""# What was measured

Written by `benchmarks/run.py`, which says how: a process per contender, {results["rounds"]} rounds in turns,
answers checked beforehand. Times are medians; the best rival is the one with the least median (in bold);
ratios and shares are medians of the rounds, with the quartiles in brackets.

{machine["cpu"]}, {machine["cpus"]} CPUs, caches {", ".join(machine["caches"])}; {machine["system"]}.
Python {machine["python"]}, {versions}.{absent}{refused}
"""


def neighbours(rows):
    yield "## A training step while another process spins on one of its two CPUs, float32\n"
    names = list(dict.fromkeys(name for row in rows for name in row["quiet"]))
    yield "| net (examples) | " + " | ".join(f"{name}, quiet | busy | times slower" for name in names) + " |"
    yield "| --- |" + " ---: |" * (3 * len(names))
    for row in rows:
        cells = [net_of(row)]
        for name in names:
            cells += [duration(np.median(row[kind][name])) for kind in ("quiet", "busy")] + [
                slowed(row, name)
            ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def memory(found):
    mega = {name: value / 2**20 for name, value in found.items()}
    return f"""## Memory of a fit

An epoch over {mega["data"] / 1024:.2g} GB of mapped uint8 data, batch {found["batch"]}, took
{found["seconds"]:.0f} s and at most {mega["beyond"]:.1f} MB beyond what the process held before the network.
The bound, parameters x 2 + activations of a batch + 64 MB, is {mega["bound"]:.1f} MB.
"""


def markdown(results):
    return "\n".join(sections(results))


def write(results, path):
    """The report, with the chart that stands beside it."""
    text = markdown(results)
    if results["steps"]:
        picture = "\n![Share of the peak by net and library](images/performance.png)\n\n## "
        text = text.replace("\n## ", picture, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    source, *target = map(Path, sys.argv[1:])
    loaded = json.loads(source.read_text())
    if target:
        write(loaded, target[0])
    else:
        print(markdown(loaded))
