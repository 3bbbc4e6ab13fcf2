"""The one exception of the local AWS: an error answer, as AWS would give it."""


class AwsError(Exception):
    """An error answer: the code that clients see, the message and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
