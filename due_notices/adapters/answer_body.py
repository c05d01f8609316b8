"""Reads the body of an answer within a size and a time, which `requests` bounds in no way of its own.

Its time-out is for each piece, so that an answer of a byte a minute never ends, and a kilobyte may unpack to a
megabyte.
"""

from __future__ import annotations

from collections.abc import Callable

import requests
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError, SSLError

_PIECE = 1 << 16  # bytes read at once; in requests' own pieces of 10 KiB a page of users takes a tenth longer


class AnswerTooSlow(requests.Timeout):
    """An answer began and did not come to its end in time."""


class AnswerTooLarge(requests.RequestException):
    """An answer is larger, decompressed, than it may be."""


def read_body(response: requests.Response, *, most: int, in_time: Callable[[], bool]) -> bytes:
    """Return the body, decompressed, of a response that was asked for as a stream.

    `most` is how many bytes it may have; `in_time` is asked after each piece, which is whatever has arrived. Raises
    what requests raises, and the two errors of this module.
    """
    body = bytearray()
    try:
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > most:
                raise AnswerTooLarge
            if not in_time():
                raise AnswerTooSlow
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except (ProtocolError, SSLError) as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    return bytes(body)
