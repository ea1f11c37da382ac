"""Tasks that run if the plan says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hera.workflows import Task, TaskResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hera.workflows import Container

RUN = "run"
"""The plan's word for a task that is to run; any other says why not."""

ENDED = (
    TaskResult.succeeded,
    TaskResult.failed,
    TaskResult.errored,
    TaskResult.skipped,
    TaskResult.omitted,
)
"""All ways in which a task can be over."""


def when_planned(plan: Task, name: str, template: Container, **arguments: str) -> Task:
    """Return a task that is skipped unless the plan wants it; arguments as Python spells them."""
    return Task(
        name=name,
        template=template,
        # In quotes: of the reasons why not, left-out would be taken for a subtraction.
        when=f'"{{{{tasks.{plan.name}.outputs.parameters.{name}}}}}" == "{RUN}"',
        arguments={
            "task": name,
            **{key.replace("_", "-"): value for key, value in arguments.items()},
        },
    )


def needs(depends: str) -> list[str]:
    """Return the names of the tasks in a `depends` expression, each once, in its order."""
    return list(dict.fromkeys(re.findall(r"([a-z][a-z0-9-]*)(?:\.[A-Z][A-Za-z]+)?", depends)))


def statuses(tasks: Iterable[tuple[str, Task]]) -> str:
    """Return an expression for a JSON object: name -> how the task ended, in Argo's words."""
    members = (f'"{name}":"{{{{tasks.{task.name}.status}}}}"' for name, task in tasks)
    return "{" + ",".join(members) + "}"
