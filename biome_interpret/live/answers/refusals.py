"""The error of a request."""

from typing import Mapping, Optional


class Refused(Exception):
    """
    A request that is not carried out.

    # Parameters

    status : `int`
        The status of HTTP.
    message : `str`
        A sentence that says what to do.
    where : `str`, optional
        The part of the request that is wrong, such as `explanations[0].options.tolerance`.
    headers : `Mapping[str, str]`, optional
    """

    def __init__(
        self,
        status: int,
        message: str,
        where: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.where = where
        self.headers = dict(headers or {})
