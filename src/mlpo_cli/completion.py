"""What a shell completes besides commands and option names: choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def complete_words(words: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what completes the start of one of the words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def complete_setting(key: str) -> Callable[[str], list[str]]:
    """Return what completes the start of a choice of the project's setting `key`."""

    def complete(incomplete: str) -> list[str]:
        from mlpo_cli.answers.kinds import Choice
        from mlpo_cli.answers.project import list_settings
        from mlpo_cli.scaffold import list_scaffolds

        (kind,) = (line.kind for line in list_settings(list_scaffolds()) if line.key == key)
        choices = kind.texts if isinstance(kind, Choice) else ()
        return complete_words(choices)(incomplete)

    return complete
