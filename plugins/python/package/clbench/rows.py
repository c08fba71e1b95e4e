"""Which rows a strategy asks for."""

import operator


def row_numbers(rows):
    """Row numbers as a list of int, of numbers or of a mask with an entry for each row."""
    listed = rows.tolist() if hasattr(rows, "tolist") else list(rows)
    if listed and isinstance(listed[0], bool):
        return [number for number, kept in enumerate(listed) if kept]
    return [operator.index(number) for number in listed]
