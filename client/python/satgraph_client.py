"""Talks to a satgraph service: finds terms, uploads scans, has structures
segmented, downloads masks. Python 3.9 or newer, nothing but the standard library.

    client = Client("http://127.0.0.1:8642", token=os.environ.get("SATGRAPH_TOKEN"))
    image = client.upload("scan.nii.gz")
    job = client.wait(client.segment_children("heart", image, "CT")["id"])

Calls that the service refused before doing anything are made again; an upload that
broke off goes on where it was. The types are those of satgraph_operations, which
is generated from the service's schema.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Optional

import satgraph_operations as operations
from satgraph_operations import Job, Modality, Planned, Term

__all__ = ["Client", "GraphQLError", "HTTPError", "MistakeError", "NotFound"]

_TUS = "1.0.0"
_GOING = ("QUEUED", "RUNNING")


class HTTPError(Exception):
    """The service's refusal of a request, with status, code and hint."""

    def __init__(self, status: int, code: str, message: str, hint: str, headers: Any) -> None:
        super().__init__(f"the service answered {status} {code}: {message}; {hint}")
        self.status, self.code, self.hint, self.headers = status, code, hint, headers


class GraphQLError(Exception):
    """The errors of an operation; each has a message and extensions with code and hint."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(str(e.get("message")) for e in errors))
        self.errors = errors


class MistakeError(Exception):
    """What who asked can mend."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(f"{code}: {message}; {hint}")
        self.code, self.message, self.hint = code, message, hint


class NotFound(Exception):
    """The service has no such thing."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:  # a token is not taken elsewhere
        return None


class Client:
    """Talks to one service. token is an API token or an OpenID Connect provider's;
    retries is how often a refused call is made again; piece the size of the pieces
    of an upload in bytes."""

    def __init__(self, url: str, token: Optional[str] = None, retries: int = 5, piece: int = 8 << 20, timeout: float = 60) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address of a service; want http://HOST:PORT")
        self._url, self._token, self._retries, self._piece, self._timeout = url.rstrip("/"), token, retries, piece, timeout
        self._open = urllib.request.build_opener(_NoRedirect).open

    def _send(self, method: str, path: str, body: Optional[bytes] = None, **headers: str) -> Any:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token:
            names["Authorization"] = "Bearer " + self._token
        for attempt in range(self._retries + 1):
            request = urllib.request.Request(self._url + path, data=body, headers=names, method=method)
            pause = 0.1 * 2 ** min(attempt, 6) * random.uniform(1, 1.5)
            try:
                return self._open(request, timeout=self._timeout)
            except urllib.error.HTTPError as e:
                with e:
                    try:
                        said = json.loads(e.read(1 << 20))["errors"][0]
                    except (ValueError, KeyError, IndexError, TypeError):
                        said = {}
                if e.code not in (429, 503) or attempt == self._retries:
                    extensions = said.get("extensions", {})
                    raise HTTPError(e.code, extensions.get("code", ""), said.get("message", ""), extensions.get("hint", ""), e.headers) from None
                after = e.headers.get("Retry-After", "")
                if after.isdigit():
                    pause = max(pause, min(60, int(after)))
            except urllib.error.URLError as e:
                if not isinstance(e.reason, ConnectionRefusedError) or attempt == self._retries:
                    raise
            time.sleep(pause)
        raise AssertionError("not reached")

    def execute(self, name: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Runs any GraphQL operation and returns its data."""
        body = json.dumps({"query": query, "operationName": name, "variables": variables}).encode()
        with self._send("POST", "/graphql", body, Content_Type="application/json", Accept="application/json") as answer:
            result = json.load(answer)
        errors = result.get("errors")
        if errors and errors[0].get("extensions", {}).get("code") in ("NOT_FOUND", "UNKNOWN_TERM"):
            raise NotFound(errors[0]["message"])
        if errors:
            raise GraphQLError(errors)
        return result["data"]

    def term(self, name: str) -> Term:
        """Finds a term by name, synonym or id."""
        found = operations.find_term(self.execute, name, 1)["term"]
        if found is None:
            raise NotFound(f"no term is called {name!r}")
        return found

    def children(self, name: str, limit: int = 100) -> list[Term]:
        """Lists parts and kinds of a term."""
        found = operations.find_term(self.execute, name, limit)["children"]
        if found is None:
            raise NotFound(f"no term is called {name!r}")
        return found["children"]

    def search(self, text: str, limit: int = 20) -> list[Term]:
        """Lists terms that a text may mean, the likeliest first."""
        return [hit["term"] for hit in operations.search_terms(self.execute, text, limit)["search"]]

    def resolve(self, question: str, modality: Modality) -> list[Planned]:
        """Says what a question comes to, and what of it can be segmented."""
        plan = operations.resolve_question(self.execute, question, modality)["resolve"]
        if plan is None:
            raise NotFound(question)
        return plan["terms"]

    def segment_children(self, of: str, image: str, modality: Optional[Modality] = None) -> Job:
        """Has the children of a term segmented in an uploaded scan."""
        return _job(operations.segment_children(self.execute, of, image, modality)["segmentChildren"])

    def segment(self, question: str, image: str, modality: Optional[Modality] = None) -> Job:
        """Has segmented what a question asks for."""
        return _job(operations.segment_question(self.execute, question, image, modality)["segment"])

    def job(self, id: str) -> Job:
        """Returns a job as it stands."""
        found = operations.get_job(self.execute, id)["job"]
        if found is None:
            raise NotFound(f"job {id!r}")
        return found

    def cancel(self, id: str) -> Job:
        """Stops a job; structures found before are kept."""
        done = operations.cancel_job(self.execute, id)["cancelJob"]
        if done is None:
            raise NotFound(f"job {id!r}")
        return done["job"]

    def wait(self, id: str, each: Optional[Callable[[Job], None]] = None) -> Job:
        """Asks for a job until it has ended, and calls each at every step."""
        pause = 0.1
        while True:
            job = self.job(id)
            if each:
                each(job)
            if job["status"] not in _GOING:
                return job
            time.sleep(pause)
            pause = min(2, pause * 1.25)

    def upload(self, path: str, progress: Optional[Callable[[int, int], None]] = None) -> str:
        """Sends a scan in pieces and returns its id. A piece that did not get through
        is sent again from where the service stands."""
        whole = hashlib.sha256()
        with open(path, "rb") as scan:
            for block in iter(lambda: scan.read(1 << 20), b""):
                whole.update(block)
            size = scan.tell()
            announced = base64.b64encode(whole.hexdigest().encode()).decode()
            with self._send("POST", "/uploads", b"", Tus_Resumable=_TUS, Upload_Length=str(size), Upload_Metadata="sha256 " + announced) as begun:
                where = begun.headers["Location"] or ""
            if not where.startswith("/uploads/"):
                raise ValueError(f"the service names no upload: {where!r}")
            at, failures, image = 0, 0, None
            while not image:
                scan.seek(at)
                piece = scan.read(self._piece)
                digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
                try:
                    answer = self._send(
                        "PATCH", where, piece, Tus_Resumable=_TUS, Content_Type="application/offset+octet-stream",
                        Upload_Offset=str(at), Upload_Checksum="sha256 " + digest,
                    )
                except (OSError, HTTPError):
                    failures += 1
                    if failures > self._retries:
                        raise
                    answer = self._send("HEAD", where, Tus_Resumable=_TUS)
                with answer:
                    at, image = int(answer.headers["Upload-Offset"]), answer.headers.get("Satgraph-Image")
                if at == size and not image:
                    raise ValueError("the service took the upload and made no image of it")
                if progress:
                    progress(at, size)
        return image

    def download(self, path: str, to: str) -> None:
        """Writes the file at a path of the service, such as a structure's maskUrl, to
        a file, whole or not at all."""
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError(f"{path!r} is no path of the service")
        part = f"{to}.{os.getpid()}.part"
        try:
            with self._send("GET", path) as answer, open(part, "wb") as out:
                for block in iter(lambda: answer.read(1 << 20), b""):
                    out.write(block)
            os.replace(part, to)
        finally:
            if os.path.exists(part):
                os.remove(part)


def _job(payload: Any) -> Job:
    if payload and payload["job"]:
        return payload["job"]
    if payload and payload["mistake"]:
        raise MistakeError(**payload["mistake"])
    raise ValueError("the service answered with neither a job nor a mistake")
