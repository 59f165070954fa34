"""MLP802: which times, ids and random numbers all runs share."""

from __future__ import annotations

import pytest
from checking import find

KFP = """\
import random
import time
import uuid
import datetime as dt
from datetime import datetime as clock, timedelta
from kfp import compiler, dsl
from kfp.client import Client

{top}

@dsl.component(base_image="python:3.12-slim")
def prepare(day: str):
    print(day)

@dsl.pipeline
def run(x: str = "a", y: str = {default}):
    {lines}

{end}
"""
COMPILE = 'compiler.Compiler().compile(run, "run.yaml")'
START = "Client().create_run_from_pipeline_func(run)"
SCHEDULE = 'Client().create_recurring_run("e", "nightly", pipeline_package_path="run.yaml")'
FLOW = """\
import time
from datetime import datetime
from metaflow import Config, FlowSpec, Parameter, schedule, step, trigger

def now(context):
    return datetime.now().isoformat()

{decorator}
class DayFlow(FlowSpec):
    day = {parameter}

    @step
    def start(self):
        self.moment = datetime.now()
        self.next(self.end)

    @step
    def end(self):
        pass
"""
ZENML = """\
from datetime import datetime
from zenml import pipeline, step
from zenml.config.schedule import Schedule

@step(enable_cache=False)
def prepare(day: str) -> str:
    return day

{decorator}
def run():
    prepare(day=datetime.now().isoformat())

{end}
"""


def find_in_kfp(
    lines: str = "prepare(day=x)", default: str = '"b"', end: str = COMPILE, top: str = ""
) -> list[str]:
    text = KFP.replace("{top}", top).replace("{lines}", lines.replace("\n", "\n    "))
    findings = find(text.replace("{default}", default).replace("{end}", end))
    return [finding.message for finding in findings if finding.rule == "MLP802"]


def find_in(text: str, **parts: str) -> list[str]:
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return [finding.message for finding in find(text) if finding.rule == "MLP802"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("clock.now()", "clock.now()"),
        ("dt.datetime.utcnow().date()", "dt.datetime.utcnow()"),
        ("str(dt.date.today() - timedelta(days=1))", "dt.date.today()"),
        ("time.time()", "time.time()"),
        ("time.strftime('%Y')", "time.strftime('%Y')"),
        ("f'run-{uuid.uuid4().hex[:6]}'", "uuid.uuid4()"),
        ("'{}'.format(random.randint(0, 9))", "random.randint(0, 9)"),
    ],
)
def test_a_value_of_the_moment_that_a_task_gets_is_reported(value, code):
    message = f"`{code}` is taken when the pipeline is compiled, and then is the same in every run."
    assert find_in_kfp(f"prepare(day={value})") == [message]
    assert find_in_kfp(f"day = {value}\nprepare(day=day)") == [message]
    assert find_in_kfp("prepare(day=DAY)", top=f"DAY = {value}") == [message]
    assert find_in_kfp(default=value) == [message]
    assert find_in_kfp(default="DAY", top=f"DAY = {value}") == [message]


@pytest.mark.parametrize(
    "lines",
    [
        "task = prepare(day=x)\ntask.set_env_variable('DAY', str(clock.now()))",
        "def add():\n    prepare(day=str(clock.now()))\nadd()",
    ],
)
def test_other_ways_into_a_task_are_reported(lines):
    assert len(find_in_kfp(lines)) == 1


def test_a_default_of_a_component_is_reported():
    top = '@dsl.component(base_image="a:1")\ndef other(day: str = str(clock.now())):\n    pass'
    assert len(find_in_kfp(top=top)) == 1


@pytest.mark.parametrize(
    "lines",
    [
        "print(clock.now())\nprepare(day=x)",
        "prepare(day=x).set_display_name(f'{clock.now()}')",
        "prepare(day=x, display_name=f'{clock.now()}')",
        "prepare(day=clock(2024, 1, 1))",
        "prepare(day=time.strftime('%Y', START))",
        "prepare(day=dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER)",
        "helper(day=clock.now())",
        "prepare(day=helper(clock.now()))",
        "day = clock.now()\nday = x\nprepare(day=day)",
        "prepare(day='a' if clock.now() > START else 'b')",
    ],
)
def test_what_no_task_gets_or_may_not_get_is_not(lines):
    assert find_in_kfp(lines) == []


def test_a_time_that_a_component_takes_is_not():
    top = '@dsl.component(base_image="a:1")\ndef other() -> str:\n    return str(clock.now())'
    assert find_in_kfp("prepare(day=other().output)", top=top) == []


def test_random_numbers_after_a_seed_are_not():
    lines = "prepare(day=str(random.random()))"
    assert len(find_in_kfp(lines)) == 1
    assert find_in_kfp(lines, top="random.seed(3)") == []


@pytest.mark.parametrize(
    ("end", "count"),
    [
        (COMPILE, 1),
        (SCHEDULE, 1),
        (f"{START}\n{SCHEDULE}", 1),
        (START, 0),
        (f"{COMPILE}\n{START}", 0),
        ("", 0),  # who compiles it may start it at once
    ],
)
def test_a_pipeline_that_is_compiled_for_each_run_is_not(end, count):
    assert len(find_in_kfp("prepare(day=str(clock.now()))", end=end)) == count


def test_what_only_the_script_uses_is_not():
    end = f'if __name__ == "__main__":\n    day = str(clock.now())\n    {COMPILE}\n    run(x=day)'
    assert find_in_kfp(end=end) == []


@pytest.mark.parametrize(
    ("parameter", "decorator", "count"),
    [
        ("Parameter('day', default=datetime.now().isoformat())", "@schedule(daily=True)", 1),
        ("Parameter('day', default=str(time.time()))", "@trigger(event='a')", 1),
        ("Config('day', default=str(time.time()))", "@schedule(daily=True)", 1),
        ("Parameter('day', default=str(time.time()))", "", 0),
        ("Parameter('day', default=now)", "@schedule(daily=True)", 0),
        ("Parameter('day', default=lambda _: str(time.time()))", "@schedule(daily=True)", 0),
        ("Parameter('day', help=f'as {datetime.now()}')", "@schedule(daily=True)", 0),
        ("'2024-01-01'", "@schedule(daily=True)", 0),
    ],
)
def test_the_default_of_a_deployed_flow_is_reported(parameter, decorator, count):
    messages = find_in(FLOW, parameter=parameter, decorator=decorator)
    assert len(messages) == count
    assert all("when the flow is deployed" in message for message in messages)


@pytest.mark.parametrize(
    ("decorator", "end", "count"),
    [
        ("@pipeline", "run.with_options(schedule=Schedule(cron_expression='0 3 * * *'))()", 1),
        ("@pipeline", "run()", 0),
        ("@pipeline(dynamic=True)", "run.with_options(schedule=Schedule())()", 0),
    ],
)
def test_a_pipeline_of_zenml_is_reported_where_a_schedule_is(decorator, end, count):
    assert len(find_in(ZENML, decorator=decorator, end=end)) == count
