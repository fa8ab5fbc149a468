"""The errors that are the user's to mend."""


class UserError(Exception):
    """A mistake of the user's: one line that says what was expected, what came, and what to do."""
