"""Which schedulers may be connected to: encrypted ones, and those of this machine."""

import ipaddress
import json
from pathlib import Path
from urllib.parse import urlsplit

from primacy.records.files import StoreError

ENCRYPTED = ("tls", "wss")
OPEN = ("tcp", "ws")


def refuse_open(engine: str, insecure: bool = False) -> None:
    """Refuse a connection to another machine that is not encrypted.

    Args:
        engine: `tls://host:8786`, or the file in which a scheduler wrote its address.
        insecure: a person allowed it.

    Raises:
        StoreError: it is open, or no address; says what to do.
    """
    address = engine if "://" in engine else _of_file(Path(engine))
    parts = urlsplit(address)
    if parts.scheme not in (*ENCRYPTED, *OPEN):
        raise StoreError(
            f"{address}: expected tls://host:port, or tcp://127.0.0.1:port for a scheduler of this "
            "machine"
        )
    if parts.scheme in ENCRYPTED or insecure or _loopback(parts.hostname or ""):
        return
    raise StoreError(
        f"{address} is not encrypted: whoever reaches that port can run programs on its workers "
        "and on this machine. Use tls:// (docs/cluster.md shows how), or --insecure in a network "
        "in which you trust everybody."
    )


def _of_file(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["address"])
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise StoreError(
            f"{path} is not a scheduler's file (`dask scheduler --scheduler-file {path}` writes it)"
        ) from None


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
