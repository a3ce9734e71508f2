"""The errors a person reads: one sentence that says what was got, what was expected, what to do."""


class TransferLabError(Exception):
    """An expected failure whose message is meant for the user as it stands."""


class Stopped(TransferLabError):
    """Raised inside a run when its user asked it to stop."""


class UnreadableImage(TransferLabError):
    """A picture that cannot be decoded, or that is too large to be decoded safely."""
