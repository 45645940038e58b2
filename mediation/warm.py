"""`python -m mediation.warm`: compile what mediation runs compiled once, so no later one has to."""

from mediation import key_columns, line_texts, value_warm, xml_octets


def warm() -> None:
    """All that this runs is in numba's cache afterwards."""
    key_columns.warm()
    line_texts.warm()
    value_warm.warm()
    xml_octets.warm()


if __name__ == "__main__":
    warm()
