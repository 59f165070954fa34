"""`mlpo check`: find what breaks or costs money in pipelines, and fix it where that is possible."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlpo_cli import console, files
from mlpo_cli.check import outcome as outcomes
from mlpo_cli.check.baseline import Key, leave_out_known, read_baseline, write_baseline
from mlpo_cli.check.catalog import find_rule, list_rules
from mlpo_cli.check.config import check_selectors
from mlpo_cli.check.engine import Result
from mlpo_cli.check.model import SEVERITIES
from mlpo_cli.check.outcome import Choice, Outcome
from mlpo_cli.check.project import make_findings
from mlpo_cli.check.rewrite import Rewrite, rewrite, write
from mlpo_cli.check.run import Job, check_files, check_job, read_job
from mlpo_cli.check.source import find_kind
from mlpo_cli.check.tree import Tree
from mlpo_cli.check.walk import Configs, list_files, name_file
from mlpo_cli.errors import ExitCode, Problem, UserError
from mlpo_cli.project.kit import check_project, find_projects
from mlpo_cli.suggest import suggest


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    paths: tuple[str, ...] = ()
    format: str = "text"
    select: str | None = None
    ignore: str | None = None
    severity: str | None = None
    baseline: str | None = None
    write_baseline: str | None = None
    overwrite: bool = False
    fix: bool = False
    unsafe_fixes: bool = False
    diff: bool = False
    stdin_filename: str | None = None
    project: bool = False


def explain(id: str, format: str) -> int:
    """Print the page of a rule. Raises UserError if there is no such rule."""
    from mlpo_cli.reports import check_rules

    rule = find_rule(id)
    if rule is None:
        hint = suggest(id.upper(), [rule.id for rule in list_rules()], list_all=True)
        raise UserError(f"there is no rule {id}", hint)
    console.write_output(check_rules.EXPLAINERS[format](rule))
    return ExitCode.OK


def list_all(format: str) -> int:
    """Print a line about each rule."""
    from mlpo_cli.reports import check_rules

    console.write_output(check_rules.LISTERS[format](list_rules()))
    return ExitCode.OK


def check(options: Options) -> int:
    """Check the paths, or standard input, and print what was found.

    Returns 1 where something is reported, or would be changed by `--diff`. Raises UserError for
    options, paths and configurations that cannot be used.
    """
    if options.project and (options.stdin_filename is not None or options.diff):
        other = "--diff" if options.diff else "--stdin-filename"
        raise UserError(f"--project cannot be used with {other}", "leave one of them out")
    run = _Run(options, _read_overlay(options))
    if options.stdin_filename is not None:
        return run.check_input(options.stdin_filename)
    return run.check_paths()


def _read_overlay(options: Options) -> dict[str, object]:
    """Return the values of the configuration that options replace."""
    overlay: dict[str, object] = {}
    problems: list[Problem] = []
    for key in ("select", "ignore"):
        text = getattr(options, key)
        if text is not None:
            selectors = tuple(word.strip() for word in text.split(","))
            problems += check_selectors(selectors, f"--{key}")
            overlay[key] = selectors
    if problems:
        raise UserError("these options cannot be used", "", problems)
    if options.severity is not None:
        overlay["severity"] = SEVERITIES[options.severity]
    return overlay


class _Run:
    """One run of the command."""

    def __init__(self, options: Options, overlay: dict[str, object]) -> None:
        self.options = options
        self.configs = Configs(overlay)
        self.folder = Path.cwd()
        self.known: Counter[Key] = Counter()
        self.outcome = Outcome()
        if options.write_baseline is not None:
            files.check(options.write_baseline, options.overwrite)
        else:
            self._read_baseline()

    def _read_baseline(self) -> None:
        config = self.configs.find(Path.cwd())
        if self.options.baseline is not None:
            path = Path(self.options.baseline)
        elif config.baseline is not None:
            path = config.folder / config.baseline
        else:
            return
        self._refuse_problems()
        self.known, self.folder = read_baseline(path), path.parent

    def _refuse_problems(self) -> None:
        if self.configs.problems:
            message = "the configuration of mlpo check cannot be used"
            raise UserError(message, "", self.configs.problems)

    def check_paths(self) -> int:
        """Check files and folders."""
        paths = list_files(self.options.paths, self.configs)
        for path in paths:
            self.configs.find(path.parent)
        self._refuse_problems()
        projects = find_projects(self.options.paths) if self.options.project else []
        diffs = []
        for path, found in check_files(paths, self.configs):
            result = found
            if self.options.fix or self.options.diff:
                result, diff = self._fix(path, found)
                diffs.append(diff)
            choice = self._choose(path, result)
            outcomes.add_result(self.outcome, name_file(path), result, choice)
        if self.options.diff:
            return self._show_diff("".join(diffs))
        for project in projects:
            self._check_project(project)
        if self.options.write_baseline is not None:
            return self._write_baseline(self.options.write_baseline)
        return self._report()

    def _check_project(self, project: Path) -> None:
        """Add what the check of a project's kit finds. Nothing else executes what is checked."""
        found = make_findings(project, check_project(project))
        new = leave_out_known(found, self.known, self.folder)
        self.outcome.findings += new
        self.outcome.known += len(found) - len(new)

    def _fix(self, path: Path, result: Result) -> tuple[Result, str]:
        """Fix a file, unless only the difference is to be shown. Returns both."""
        job = read_job(path, self.configs.find(path.parent).target)
        can_fix = any(finding.fix for finding in self._choose(path, result).findings)
        if not can_fix or not isinstance(job, Job):
            return result, ""
        rewritten = self._rewrite(job)
        if rewritten.fixed and not self.options.diff:
            write(rewritten)
        return rewritten.result, rewritten.render_diff()

    def check_input(self, name: str) -> int:
        """Check standard input as the file of that name. With `--fix` print the fixed text."""
        kind = find_kind(name)
        if kind is None:
            raise UserError(f"{name} is no file of Python, YAML or a notebook", "name one of these")
        path = Path(os.path.abspath(name))
        target = self.configs.find(path.parent).target
        self._refuse_problems()
        job = Job(path, name_file(path), kind, sys.stdin.buffer.read(), target)
        if self.options.fix or self.options.diff:
            rewritten = self._rewrite(job)
            if self.options.diff:
                return self._show_diff(rewritten.render_diff())
            console.write_bytes(rewritten.data)
            left = self._choose(path, rewritten.result).findings
            return ExitCode.NEGATIVE if left else ExitCode.OK
        result = check_job(job, Tree()).result
        outcomes.add_result(self.outcome, job.name, result, self._choose(path, result))
        return self._report()

    def _choose(self, path: Path, result: Result) -> Choice:
        config = self.configs.find(path.parent)
        return outcomes.choose(result.findings, path, config, self.known, self.folder)

    def _rewrite(self, job: Job) -> Rewrite:
        config = self.configs.find(job.path.parent)
        keep = partial(
            outcomes.list_chosen, file=job.path, config=config, known=self.known, folder=self.folder
        )
        rewritten = rewrite(job, keep, self.options.unsafe_fixes)
        self.outcome.fixed += rewritten.fixed
        return rewritten

    def _show_diff(self, diff: str) -> int:
        console.write_output(diff)
        console.write_message(
            f"{self.outcome.fixed} would be fixed." if diff else "Nothing to fix."
        )
        return ExitCode.NEGATIVE if diff else ExitCode.OK

    def _write_baseline(self, name: str) -> int:
        text = write_baseline(self.outcome.findings, Path(name).parent)
        files.write(name, text, self.options.overwrite)
        console.write_message(f"{len(self.outcome.findings)} findings written to {name}")
        return ExitCode.OK

    def _report(self) -> int:
        from mlpo_cli.reports import check_formats

        for note in self.outcome.notes:
            console.write_warning(note)
        for name, reason in self.outcome.skipped:
            console.write_warning(f"{name} was not checked: {reason}")
        report = check_formats.render(self.options.format, self.outcome)
        if isinstance(report, str):
            console.write_output(report)
        else:
            console.write_styled(report)
        return ExitCode.NEGATIVE if self.outcome.findings else ExitCode.OK
