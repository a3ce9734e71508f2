"""What is said of a value that a recipe cannot take."""

from typing import Any

# By pydantic's name of the error; the braces are what it says of the field.
_EXPECTED = {
    "greater_than": "more than {gt:.15g}",
    "greater_than_equal": "at least {ge:.15g}",
    "less_than": "less than {lt:.15g}",
    "less_than_equal": "at most {le:.15g}",
    "literal_error": "{expected}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is not infinite",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
}


def refusal(error: Any) -> str:
    """Return what a validation error of pydantic means to whoever chose the value."""
    where = ".".join(str(part) for part in error["loc"] if isinstance(part, str))
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"A recipe has no field {where!r}."
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "missing":
        return f"The recipe lacks {where!r}."
    if kind in _EXPECTED:
        expected = _EXPECTED[kind].format(**error.get("ctx", {}))
        return f"{where} is {error['input']!r}; it must be {expected}."
    return f"{where} is {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}."
