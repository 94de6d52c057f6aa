"""Write benchmark results as Markdown tables and a chart.

python benchmarks/report.py RESULTS.json [REPORT.md]
"""

import json
import sys
from pathlib import Path

import numpy as np

from tasks import CLASSES, GOALS, NETS

DEEPNET = "deepnet"


# --- numbers ------------------------------------------------------------------------------------------------


def spread(values):
    """Median and, in brackets, the quartiles."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return f"{median:.2f} [{low:.2f}, {high:.2f}]"


def duration(seconds):
    """Three digits and a unit."""
    unit, size = ("s", 1) if seconds >= 1 else ("ms", 1e-3) if seconds >= 1e-3 else ("us", 1e-6)
    return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}"


def best_rival(row):
    """The contender other than deepnet with the smallest median; None if there is no other."""
    rivals = {name: np.median(times) for name, times in row["seconds"].items() if name != DEEPNET}
    return min(rivals, key=rivals.get, default=None)


def ratios(row):
    """How many times faster deepnet was than the best rival, for each round."""
    return np.divide(row["seconds"][best_rival(row)], row["seconds"][DEEPNET])


def shares(row, name=DEEPNET):
    """The contender's share of the machine's peak, for each round."""
    return row["flops"] / np.array(row["seconds"][name]) / np.array(row["peak"])


def slowdown(row, name):
    return spread(np.divide(row["busy"][name], row["quiet"][name]))


def geometric_mean(rows):
    medians = [np.median(ratios(row)) for row in rows if best_rival(row)]
    if not medians:
        return ""
    return f"Geometric mean over the networks: {np.exp(np.mean(np.log(medians))):.2f} times faster.\n"


# --- words --------------------------------------------------------------------------------------------------


def network(units, m):
    """For example ``64-256-256-1 (256)``; equal layers are counted: ``512x4-1 (256)``."""
    units = tuple(units)
    equal = len(units) > 4 and len(set(units[:-1])) == 1
    chain = f"{units[0]}x{len(units) - 1}-{units[-1]}" if equal else "-".join(map(str, units))
    return f"{chain} ({m})"


def network_of(row):
    units = (NETS.get(row["net"]) or CLASSES[row["net"]])[0]
    return f"{row['net']} {network(units, row['m'])}"


def threads_of(n):
    return f"{n} thread{'s' if n > 1 else ''}"


def progress(part, row):
    """One line about a row that has just been measured."""
    what = f"{part}, {threads_of(row['threads'])}, {network_of(row)} {row.get('dtype', '')}: "
    if part == "busy_cpu":
        return what + ", ".join(f"{name} x {slowdown(row, name)}" for name in row["quiet"])
    times = [f"{name} {duration(np.median(times))}" for name, times in row["seconds"].items()]
    refused = [f"{name}: {reason[:200]}" for name, reason in row["refused"].items()]
    share = f", {np.median(shares(row)):.0%} of the peak" if row.get("peak") else ""
    faster = f"; {np.median(ratios(row)):.2f} times faster" if best_rival(row) else ""
    return what + ", ".join([*times, *refused]) + faster + share


# --- the report ---------------------------------------------------------------------------------------------


def table_lines(lines):
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goals_of(part, row):
    """Those of GOALS for a row of a part: a dict, perhaps empty."""
    if part == "predict":
        return GOALS.get((f"predict, {threads_of(row['threads'])}", row["net"], row["m"]), {})
    return GOALS.get((part, row["net"]), {})


def goal(part, row, with_share):
    """What goals_of says about the columns of a table, for one thread unless the goal names threads."""
    found = goals_of(part, row) if part == "predict" or row["threads"] == 1 else {}
    words = [f"{found['faster']}x"] if "faster" in found else []
    return ", ".join(words + ([f"{found['share']:.0%}"] if with_share and "share" in found else [])) or "-"


def table(rows, first, cell, part, with_share=False):
    """A table with one column per contender; `cell(row, median_seconds)` is the text of an entry."""
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    head = [first, *names, "times faster than the best rival", *(["share of the peak"] if with_share else [])]
    goals = [goal(part, row, with_share) for row in rows]
    if any(text != "-" for text in goals):
        head.append("goal")
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for row, aim in zip(rows, goals, strict=True):
        best = best_rival(row)
        cells = []
        for name in names:
            times = row["seconds"].get(name)
            text = cell(row, np.median(times)) if times else "-"
            cells.append(f"**{text}**" if name == best else text)
        line = [f"{row['data']}, {network_of(row)}" if "data" in row else network_of(row), *cells]
        line.append(spread(ratios(row)) if best else "-")
        line += [spread(shares(row))] if with_share else []
        lines.append(line + [aim] * (head[-1] == "goal"))
    return table_lines(lines)


def groups(rows, *keys):
    """Rows grouped by the values of the keys, in order of first appearance."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found.items()


def sections(results):
    yield introduction(results)

    def time_of(_, seconds):
        return duration(seconds)

    for (dtype, n), rows in groups(results["steps"], "dtype", "threads"):
        peak = np.median([p for row in rows for p in row["peak"]]) / 1e9
        yield f"## A training step, {dtype}, {threads_of(n)}\n"
        yield f"Peak of multiply-adds on registers: {peak:.0f} GFLOP/s. {geometric_mean(rows)}"
        yield table(rows, "network (examples)", time_of, "steps", with_share=True) + "\n"
    for (n,), rows in groups(results["recipes"], "threads"):
        yield f"## A training step with other optimizers, softmax, float32, {threads_of(n)}\n"
        yield table(rows, "optimizer, network (examples)", time_of, "recipes") + "\n"
    yield from sharing(results)
    for (n,), rows in groups(results["predict"], "threads"):
        yield f"## A prediction, float32, {threads_of(n)}\n"
        yield table(rows, "network (examples)", time_of, "predict", with_share=True) + "\n"
    for (n,), rows in groups(results["calls"], "threads"):
        yield f"## One update per call from Python, float32, {threads_of(n)}\n"
        yield table(rows, "network (examples)", time_of, "calls") + "\n"
    for (n,), rows in groups(results["fit"], "threads"):
        yield f"## Training steps per second in shuffled epochs, float32, {threads_of(n)}\n"
        yield table(rows, "data, network (batch)", lambda row, s: f"{row['batches'] / s:,.0f}", "fit") + "\n"
    if results["busy_cpu"]:
        yield busy_cpu(results["busy_cpu"])
    if "memory" in results:
        yield memory(results["memory"])


def sharing(results):
    """How many times faster deepnet's steps are with two threads than with one."""
    lines = [["network (examples)", "1 thread", "2 threads", "times faster", "goal"], ["---"] + ["---:"] * 4]
    for part in ("steps", "recipes"):
        for _, rows in groups(results[part], "net", "dtype" if part == "steps" else "data"):
            one, two = ([row for row in rows if row["threads"] == n] for n in (1, 2))
            if not (one and two):
                continue
            times = [np.array(row["seconds"][DEEPNET]) for row in (one[0], two[0])]
            kind = one[0]["dtype"] if part == "steps" else one[0]["data"]
            lines.append([f"{network_of(one[0])}, {kind}", *(duration(np.median(t)) for t in times)])
            lines[-1] += [spread(times[0] / times[1]), str(goals_of(part, one[0]).get("sharing", "-"))]
    if len(lines) > 2:
        yield "## Two threads and one\n\n" + table_lines(lines) + "\n"


TITLES = {"avx512": ", with AVX-512", "avx2": ", with AVX2"}


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
    isa = results["versions"]["deepnet"].partition("(")[2].partition(",")[0]  # "0.1.0 (avx2, GCC 12.2.0)"
    return f"""# Results beside other libraries{TITLES.get(isa, "")}

A ratio above 1 means that deepnet is faster. Written by `benchmarks/compare_libraries.py`: each library in
its own process, {results["rounds"]} alternating rounds,
answers checked before timing. Times are medians. The best rival is the one with the smallest median (in
bold). Ratios and shares of the peak are medians over the rounds, with quartiles in brackets.

{machine["cpu"]}, {machine["cpus"]} CPUs, caches {", ".join(machine["caches"])}; {machine["system"]}.
Python {machine["python"]}, {versions}.{absent}{refused}
"""


def busy_cpu(rows):
    names = list(dict.fromkeys(name for row in rows for name in row["quiet"]))
    columns = [title for name in names for title in (f"{name}, quiet", "busy", "times slower")]
    lines = [["network (examples)", *columns], ["---"] + ["---:"] * len(columns)]
    for row in rows:
        cells = [network_of(row)]
        for name in names:
            cells += [duration(np.median(row[kind][name])) for kind in ("quiet", "busy")]
            cells.append(slowdown(row, name))
        lines.append(cells)
    title = "## A training step while another process spins on one of its two CPUs, float32\n\n"
    return title + table_lines(lines) + "\n"


def memory(found):
    mega = {name: value / 2**20 for name, value in found.items()}
    return f"""## Memory of a fit

An epoch over {mega["data"] / 1024:.2g} GB of memory-mapped uint8 data with batch size {found["batch"]} took
{found["seconds"]:.0f} s and at most {mega["beyond"]:.1f} MB more than the process used before.
The bound, parameters x 2 + activations of a batch + 64 MB, is {mega["bound"]:.1f} MB.
"""


def markdown(results):
    return "\n".join(sections(results))


def write(results, path):
    """Write the report, and the chart to images/ beside it."""
    text = markdown(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    if results["steps"]:
        chart = Path("images", f"{path.stem}.png")
        picture = f"\n![Share of the peak by network and library]({chart.as_posix()})\n\n## "
        text = text.replace("\n## ", picture, 1)
        draw(results["steps"], path.parent / chart)
    path.write_text(text)


# --- the chart ----------------------------------------------------------------------------------------------

# deepnet stands out, and the others can be told apart without red and green.
COLOURS = {
    DEEPNET: "#c2410c",
    "NumPy lecture code": "#9ca3af",
    "PyTorch": "#2563eb",
    "PyTorch, backward by hand": "#93b4f5",
    "torch.compile": "#1e3a8a",
    "JAX": "#0f9b8e",
    "scikit-learn": "#d4a017",
}
INK = "#374151"


def draw_threads(axes, rows, title):
    """One line of dots per network: the share of the peak of each contender in percent."""
    for y, row in enumerate(rows):
        medians = {name: 100 * np.median(shares(row, name)) for name in row["seconds"]}
        axes.plot([min(medians.values()), max(medians.values())], [y, y], color="#e5e7eb", lw=2, zorder=1)
        for name, share in medians.items():
            size, order = (90, 3) if name == DEEPNET else (42, 2)
            colour = COLOURS.get(name, INK)
            axes.scatter(share, y, s=size, color=colour, edgecolor="white", lw=0.8, zorder=order)
        axes.text(125, y, f"{medians[DEEPNET]:.0f} %", va="center", color=COLOURS[DEEPNET])
    axes.set_xscale("log")
    axes.set_xlim(0.05, 300)
    axes.set_xticks([0.1, 1, 10, 100], ["0.1 %", "1 %", "10 %", "100 %"])
    axes.axvline(100, color=INK, lw=0.8, ls=":", zorder=0)
    axes.set_yticks(range(len(rows)), [network_of(row) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(title, loc="left", color=INK)
    axes.tick_params(which="both", length=0, colors=INK)
    axes.grid(axis="x", color="#f3f4f6", zorder=0)
    for side in axes.spines.values():
        side.set_visible(False)


def draw(steps, path):
    """Draw one panel per number of threads, for float32 if it was measured, else float64."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    dtype = "float32" if any(row["dtype"] == "float32" for row in steps) else "float64"
    rows = [row for row in steps if row["dtype"] == dtype]
    settings = [(n, list(same)) for (n,), same in groups(rows, "threads")]
    longest = max(len(same) for _, same in settings)
    size = (2.5 + 4.5 * len(settings), 1.6 + 0.42 * longest)
    figure, panels = plt.subplots(1, len(settings), figsize=size, sharey=True, squeeze=False)
    for axes, (n, same) in zip(panels[0], settings, strict=True):
        draw_threads(axes, same, threads_of(n))
    columns = 4 if len(settings) > 1 else 3
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    dots = [plt.Line2D([], [], marker="o", ls="", color=COLOURS.get(name, INK), label=name) for name in names]
    title = f"A training step, {dtype}: share of the machine's peak"
    figure.suptitle(title, x=0.01, ha="left", color=INK, weight="bold")
    figure.legend(handles=dots, loc="lower left", ncols=columns, frameon=False, labelcolor=INK)
    figure.tight_layout(rect=(0, 0.04 * -(-len(names) // columns), 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    source, *target = map(Path, sys.argv[1:])
    loaded = json.loads(source.read_text())
    if target:
        write(loaded, target[0])
    else:
        print(markdown(loaded))
