"""Format a run as a table for the terminal."""

from __future__ import annotations

from typing import Any

# States whose reason is printed in the stage's row; for other states it is below the table.
GOOD = ("completed", "reused", "not run", "running")


def format_run(summary: dict[str, Any]) -> str:
    """Format a run's summary: one row per stage, then model, metrics and warnings."""
    lines = ["", f"run {summary['run_id']} ({summary['orchestrator']}): {summary['status']}", ""]
    stages = summary["stages"]
    name_width = max(11, *(len(stage["name"]) for stage in stages))
    state_width = max(9, *(len(stage["status"]) for stage in stages))
    for stage in stages:
        seconds = "" if stage["seconds"] is None else f"{stage['seconds']:.1f} s"
        note = stage["reason"] if stage["status"] in GOOD and stage["reason"] else ""
        cache = stage["cache"] if stage["cache"] != "off" else ""
        name, status = f"{stage['name']:<{name_width}}", f"{stage['status']:<{state_width}}"
        lines.append(f"  {name} {status} {seconds:>8}  {cache:<5} {note}".rstrip())
    for stage in stages:
        if stage["status"] not in GOOD:
            lines += ["", f"{stage['name']} {stage['status']}: {stage['reason']}"]
    lines.append("")
    model = summary["model"]
    facts = {
        "dataset": _shorten(summary["dataset"]["version"]),
        "device": summary["device"],
        "model": _shorten(model["digest"]),
        "version": model["version"],
        "alias": model["alias"],
    }
    gpu = summary["gpu_seconds"]
    if gpu["held"]:
        used = "unknown" if gpu["used"] is None else f"{gpu['used']:,.0f}"
        facts["GPU-seconds"] = f"{gpu['held']:,.0f} held, {used} used"
    lines += [f"  {name:<11} {value}" for name, value in facts.items() if value is not None]
    lines += [f"  {name:<18} {value:.4f}" for name, value in summary["metrics"].items()]
    lines += [f"\nwarning: {text}" for text in summary["warnings"]]
    return "\n".join(lines)


def _shorten(digest: str | None) -> str | None:
    return digest and digest[:12]
