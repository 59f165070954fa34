"""What a shell completes, beside verbs and options: the choices of the project's settings."""

from __future__ import annotations

from collections.abc import Callable


def of_setting(key: str) -> Callable[[str], list[str]]:
    """Completes what has been typed of the setting `key` to each of its choices."""

    def complete(incomplete: str) -> list[str]:
        from mlpo_cli.answers.kinds import Choice
        from mlpo_cli.answers.project import kinds
        from mlpo_cli.scaffold import available

        kind = kinds(available())[key]
        choices = kind.texts if isinstance(kind, Choice) else ()
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete
