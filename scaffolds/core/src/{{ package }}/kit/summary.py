"""The newest run as a table in the terminal. Managed by mlpo."""

from __future__ import annotations

from typing import Any


def render(summary: dict[str, Any]) -> str:
    """A run's summary as lines of text: one per stage, then model and metrics."""
    lines = ["", f"run {summary['run_id']} ({summary['orchestrator']}): {summary['status']}", ""]
    for stage in summary["stages"]:
        seconds = "" if stage["seconds"] is None else f"{stage['seconds']:.1f} s"
        note = stage["reason"] if stage["status"] == "ok" and stage["reason"] else ""
        cache = stage["cache"] if stage["cache"] != "off" else ""
        row = f"  {stage['name']:<11} {stage['status']:<8} {seconds:>8}  {cache:<5} {note}"
        lines.append(row.rstrip())
    for stage in summary["stages"]:
        if stage["status"] == "failed":
            lines += ["", f"{stage['name']} failed: {stage['reason']}"]
    lines.append("")
    model = summary["model"]
    facts = {
        "dataset": _short(summary["dataset"]["version"]),
        "device": summary["device"],
        "model": _short(model["digest"]),
        "version": model["version"],
        "alias": model["alias"],
    }
    gpu = summary["gpu_seconds"]
    if gpu["held"]:
        used = "not known" if gpu["used"] is None else f"{gpu['used']:,.0f}"
        facts["GPU-seconds"] = f"{gpu['held']:,.0f} held, {used} used"
    lines += [f"  {name:<11} {value}" for name, value in facts.items() if value is not None]
    lines += [f"  {name:<18} {value:.4f}" for name, value in summary["metrics"].items()]
    lines += [f"\nwarning: {text}" for text in summary["warnings"]]
    return "\n".join(lines)


def _short(digest: str | None) -> str | None:
    return digest and digest[:12]
