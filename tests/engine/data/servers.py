"""Real database servers for a test: started in a folder of their own, reached by a socket there."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

PASSWORD = "s3cret word/@"


@contextmanager
def _folder(user: str) -> Iterator[tuple[Path, str | None]]:
    """A folder with a short name, as sockets need, and who works in it: servers refuse root."""
    folder = Path(tempfile.mkdtemp(prefix="retention-"))
    try:
        other = None
        if os.getuid() == 0:
            try:
                pwd.getpwnam(user)
            except KeyError:
                pytest.skip(f"there is no user {user} to run the server")
            shutil.chown(folder, user)
            other = user
        yield folder, other
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str | Path], user: str | None) -> None:
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/",
    )


@contextmanager
def postgres() -> Iterator[str]:
    """The connection string of a PostgreSQL with an empty database; skips where there is none."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))
    found = programs[-1] if programs else shutil.which("pg_ctl")
    if found is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    control = Path(found)
    with _folder("postgres") as (folder, user):
        data, word = folder / "data", folder / "word"
        word.write_text(PASSWORD)
        word.chmod(0o644)
        _run(
            [control.with_name("initdb"), "-D", data, "-U", "postgres", "-A", "scram-sha-256",
             "--pwfile", word, "-E", "UTF8", "--locale", "C", "--no-sync"], user,
        )  # fmt: skip
        options = f"-k {folder} -c listen_addresses='' -F"
        _run([control, "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], user)
        try:
            yield f"postgresql://postgres:{quote(PASSWORD, '')}@/postgres?host={folder}"
        finally:
            _run([control, "-D", data, "-w", "-m", "immediate", "stop"], user)


@contextmanager
def mariadb() -> Iterator[str]:
    """The connection string of a MariaDB with an empty database; skips where there is none."""
    server = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
    install, admin = shutil.which("mariadb-install-db"), shutil.which("mariadb-admin")
    if server is None or install is None or admin is None:
        pytest.skip("MariaDB's server is not installed (Debian: mariadb-server)")
    with _folder("mysql") as (folder, user):
        data, socket = folder / "data", folder / "socket"
        _run(
            [install, "--no-defaults", f"--datadir={data}", "--skip-test-db",
             "--auth-root-authentication-method=normal"], user,
        )  # fmt: skip
        with subprocess.Popen(
            [server, "--no-defaults", f"--datadir={data}", f"--socket={socket}",
             "--skip-networking", "--character-set-server=utf8mb4", f"--pid-file={folder / 'pid'}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, group=user,
            extra_groups=[] if user else None, cwd="/",
        ) as running:  # fmt: skip
            try:
                ask = [admin, "--no-defaults", f"--socket={socket}", "-uroot"]
                _run([*ask, "--wait=60", "ping"], user)
                _run([*ask, "create", "shop"], user)
                _run([*ask, "password", PASSWORD], user)
                yield f"mysql://root:{quote(PASSWORD, '')}@localhost/shop?unix_socket={socket}"
            finally:
                running.terminate()
