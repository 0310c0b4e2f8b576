"""What a server-sent event says: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations


def sse_data(frame: bytes) -> bytes:
    """The data of one raw frame, its lines joined; empty for comments and events without any."""
    if frame.startswith(b"data: "):
        # The usual frame is a single line.
        end = frame.find(b"\n")
        if end == len(frame) - 2:
            return frame[6:end]
        if end == len(frame) - 3:
            return frame[6:end].removesuffix(b"\r")
    if b"\r" in frame:
        frame = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = [line[5:].removeprefix(b" ") for line in frame.split(b"\n") if line.startswith(b"data:")]
    return lines[0] if len(lines) == 1 else b"\n".join(lines)
