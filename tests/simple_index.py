"""A private package index on this machine, with wheels of what is installed here."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import re
import ssl
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path


def repacked(name: str, folder: Path) -> Path:
    """A wheel of an installed distribution; without a network there is no other."""
    installed = distribution(name)
    stem = f"{name.replace('-', '_')}-{installed.version}"
    contents = {f"{stem}.dist-info/RECORD": b""}
    for file in installed.files or ():
        path = Path(str(installed.locate_file(file)))
        if "__pycache__" in file.parts or file.name in ("RECORD", "INSTALLER", "REQUESTED"):
            continue
        if file.parts[0] != "..":
            contents[file.as_posix()] = path.read_bytes()
        elif not (content := path.read_bytes()).startswith(b"#!"):  # no script, but a program
            contents[f"{stem}.data/scripts/{file.name}"] = content
    return packed(f"{stem}-{_tag(installed)}", contents, folder)


def invented(name: str, version: str, folder: Path, code: bytes = b"") -> Path:
    """A wheel of one module."""
    about = f"{name}-{version}.dist-info"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    contents = {
        f"{name}.py": code,
        f"{about}/WHEEL": wheel.encode(),
        f"{about}/METADATA": metadata.encode(),
        f"{about}/RECORD": b"",
    }
    return packed(f"{name}-{version}-py3-none-any", contents, folder)


def packed(stem: str, contents: dict[str, bytes], folder: Path) -> Path:
    """A wheel with these contents; programs stay executable."""
    record = next(name for name in contents if name.endswith("/RECORD"))
    contents[record] = "".join(f"{name},,\n" for name in contents).encode()
    path = folder / f"{stem}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if ".data/scripts/" in name else 0o100644) << 16
            archive.writestr(entry, content)
    return path


def _tag(installed: Distribution) -> str:
    text = installed.read_text("WHEEL") or ""
    tags = [line.split(": ")[1].split("-") for line in text.splitlines() if line.startswith("Tag:")]
    return "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))


def pin(wheel: Path) -> str:
    """The line of a lock file that allows exactly this wheel."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}\n"


def publish(wheels: list[Path], root: Path) -> None:
    """Lay wheels out as a simple index below `root`."""
    for wheel in wheels:
        page = root / wheel.name.split("-")[0].replace("_", "-") / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        (page.parent / wheel.name).write_bytes(wheel.read_bytes())
        page.write_text(f'<!DOCTYPE html><a href="{wheel.name}">{wheel.name}</a>\n')


@contextmanager
def served(
    root: Path, login: str = "", certificate: Path | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder over HTTP; also as a proxy, to who asks it for another host.

    With `login`, to who logs in with that `user:password`; over TLS with a PEM file of key and
    certificate. Gives `host:port`, and the paths or addresses that were delivered so far.
    """
    expected = f"Basic {base64.b64encode(login.encode()).decode()}"
    delivered: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def send_head(self):
            if login and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            delivered.append(self.path)
            self.path = re.sub("^http://[^/]+", "", self.path)
            return super().send_head()

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(
                server.socket,
                server_side=True,
                do_handshake_on_connect=False,  # but in the thread of the connection
            )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", delivered
        server.shutdown()
