"""Parses the multipart form in a request's body."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser

from tests.wire.provider_double.wire import ReceivedRequest, Violation


def read_form(
    call: ReceivedRequest, *, file_field: str = "input_reference"
) -> tuple[dict[str, str], bytes | None, str]:
    """Return the form's text fields, the image in the field `file_field`, and the image's type.

    Raises Violation if the body is no form, a field occurs twice, or the form has another file.
    """
    content_type = call.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        raise Violation(f"{content_type or 'no type'}, not multipart/form-data")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    texts: dict[str, str] = {}
    image: bytes | None = None
    image_type = ""
    for part in BytesParser(policy=policy.HTTP).parsebytes(head + call.body).iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        if name in texts or not isinstance(content, bytes):
            raise Violation(f"field {name!r} twice, or no content")
        if part.get_filename() is None:
            texts[name] = content.decode("utf-8")
        elif name == file_field and image is None:
            image, image_type = content, part.get_content_type()
        else:
            raise Violation(f"a file {name!r}")
    return texts, image, image_type
