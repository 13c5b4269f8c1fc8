"""What came over HTTP, as it is written into a cassette."""

from collections.abc import Mapping

from tapefold.adapter import Frame
from tapefold.session.cassette import END, ITEM_MAX, RETRY_AFTER, retry_after
from tapefold.session.plain_yaml import dumped


def interaction(frame: Frame, headers: Mapping[str, str] = {}) -> bytes:
    """What a `response` says, as an item of a cassette's list, with its end.

    *headers* are the response's, by names in lower case. Of `retry-after` it says what the frame says,
    since that is what the kernel goes by.
    """
    request = frame.request
    assert request is not None
    try:
        body: str | bytes = frame.data.decode()
    except UnicodeDecodeError:
        body = frame.data
    if frame.retry_after != retry_after(headers):
        headers = {**headers, RETRY_AFTER: str(frame.retry_after)}
    headed: dict[str, dict[str, object]] = {
        "request": {
            "method": request.method,
            "uri": request.url,
            "body": request.body,
            "headers": {name: [value] for name, value in request.headers.items()},
        },
        "response": {
            "n": request.n,
            "status": {"code": frame.status, "message": ""},
            "headers": {name: [value] for name, value in headers.items()},
        },
    }
    text = _dumped(headed, body)
    # A control character takes four bytes. Bytes are written in base64, and so a frame always fits.
    return (text if len(text) <= ITEM_MAX else _dumped(headed, frame.data)) + END


def _dumped(headed: Mapping[str, dict[str, object]], body: str | bytes) -> bytes:
    """An interaction as an item of a list."""
    return dumped([{**headed, "response": {**headed["response"], "body": {"string": body}}}])
