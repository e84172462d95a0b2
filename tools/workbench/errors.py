"""One sentence for the person at the keyboard instead of a traceback."""


class Trouble(Exception):
    """Something a person can mend: the message says what is wrong and what to do."""
