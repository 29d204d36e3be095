"""A real S3 server on loopback, for tests: Ceph's gateway over a store in memory, on a folder that dies with it.

with CephServer() as ceph:
    url = ceph.storage_url(ceph.create_bucket())
"""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from botocore.session import Session

from safelight.testing.debian import all_installed
from safelight.testing.ports import free_ports

PROGRAMS = {
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "radosgw": "radosgw",
    "monmaptool": "ceph-base",
    "ceph": "ceph-common",
    "ceph-authtool": "ceph-common",
    "radosgw-admin": "ceph-common",
}
"""What is run, and the packages it comes in."""

HOST = "127.0.0.1"
REGION = "us-east-1"
"""Ceph takes any name for its own region."""

START_WITHIN_S = 60
STOP_WITHIN_S = 20

CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor_port}
public network = 127.0.0.0/8
keyring = {folder}/keyring
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
run dir = {folder}/run
admin socket = {folder}/run/$name.$pid.asok
log file = {folder}/$name.log
crash dir = {folder}/crash
[mon]
mon data = {folder}/mon
mon cluster log file = {folder}/cluster.log
mon data avail crit = 1
paxos propose interval = 0.05
paxos min wait = 0.01
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd class update on start = false
osd client watch timeout = 1
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw thread pool size = 32
rgw lc debug interval = {day_s}
rgw gc obj min wait = 0
rgw gc processor period = 60
rgw s3 auth use sts = true
rgw sts key = {sts_key}
"""
"""One of each, nothing kept on disk, and no waiting for others: a start takes one or two seconds, and not eleven.

A gateway that was killed is waited for, by new buckets, for one.
"""

SESSIONS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:GetSessionToken", "Resource": "*"}],
    }
)
"""Lets a user have credentials that end."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "mon.": ("mon", "allow *"),
    "client.admin": ("mon", "allow *", "osd", "allow *", "mgr", "allow *"),
    "client.rgw": ("mon", "allow *", "osd", "allow *"),
    "osd.0": ("mon", "allow profile osd", "osd", "allow *"),
}
"""Who may what within the cluster. Without keys the gateway waits for a minute, and gives up."""


class CephServer:
    """A cluster and its gateway. A context manager that installs, starts and ends it.

    `start` and `kill` are of the gateway alone: what was stored stays, on the same port, until the block ends.
    A day of a lifecycle rule lasts `day_s` seconds. Raises NotInstalled, RuntimeError.
    """

    def __init__(self, *, day_s: int = 5) -> None:
        self.access_key_id = f"test{secrets.token_hex(8)}"
        self.secret_access_key = secrets.token_hex(20)
        self.region = REGION
        self._folder = Path(tempfile.mkdtemp(prefix="safelight-ceph-"))
        self.port, monitor_port = free_ports(2)
        self._fsid = str(uuid.uuid4())
        self._monitor_address = f"[v2:{HOST}:{monitor_port}]"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._configuration = CONFIGURATION.format(
            fsid=self._fsid,
            folder=self._folder,
            port=self.port,
            monitor_port=monitor_port,
            sts_key=secrets.token_hex(8),
            day_s=day_s,
        )

    def __enter__(self) -> Self:
        try:
            self._paths = all_installed(PROGRAMS)
            self._make_cluster()
            self.start()
            self._run("radosgw-admin", "user", "create", "--uid=test", "--display-name=test",
                      f"--access-key={self.access_key_id}", f"--secret-key={self.secret_access_key}")  # fmt: skip
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def endpoint(self) -> str:
        """The URL that buckets lie under."""
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that hand its credentials to whatever speaks S3."""
        return {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}

    @property
    def log(self) -> str:
        """What the gateway has logged: every request that it has answered among it."""
        return self._file("client.rgw.log").read_text()

    def storage_url(self, bucket: str) -> str:
        """Return the setting that stores in a bucket."""
        return f"s3://{bucket}?profile=ceph&endpoint={self.endpoint}"

    def create_bucket(self) -> str:
        """Make a bucket and return its name, which is a new one."""
        name = f"test-{secrets.token_hex(8)}"
        self._client("s3").create_bucket(Bucket=name)
        return name

    def create_uploader(self, *, subuser: bool = True) -> tuple[str, Mapping[str, str]]:
        """Make a subuser of the buckets' owner, or another user; return its ARN, and the settings that name its keys.

        A subuser can write everywhere and read nothing, another user can do neither, until a bucket's policy says more.
        """
        name, key_id, secret = f"uploads{secrets.token_hex(4)}", f"key{secrets.token_hex(8)}", secrets.token_hex(20)
        whole = f"test:{name}" if subuser else name
        who = (
            ("subuser", "create", "--uid=test", f"--subuser={whole}", "--access=write", "--key-type=s3")
            if subuser
            else ("user", "create", f"--uid={whole}", f"--display-name={whole}")
        )
        self._run("radosgw-admin", *who, f"--access-key={key_id}", f"--secret-key={secret}")
        return f"arn:aws:iam:::user/{whole}", {"upload_access_key_id": key_id, "upload_secret_access_key": secret}

    def start_session(self) -> Mapping[str, str]:
        """Return the variables of credentials that end in 15 minutes, as the role of a machine gives them."""
        self._run("radosgw-admin", "caps", "add", "--uid=test", "--caps=user-policy=*")
        self._client("iam").put_user_policy(UserName="test", PolicyName="sessions", PolicyDocument=SESSIONS)
        given = self._client("sts").get_session_token(DurationSeconds=900)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
            "AWS_CREDENTIAL_EXPIRATION": given["Expiration"].isoformat(),
        }

    def start(self) -> None:
        """Start the gateway, and return when it answers."""
        self._begin("radosgw", "--name", "client.rgw")
        self._wait(self._answers, "radosgw")

    def kill(self) -> None:
        """Kill the gateway at once, as a power cut would. One that has ended stays so."""
        self._kill("radosgw")

    def _client(self, service: str) -> Any:
        return Session().create_client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )

    def _make_cluster(self) -> None:
        for name in ("mon", "osd", "rgw", "run", "crash"):
            (self._folder / name).mkdir()
        self._file("ceph.conf").write_text(self._configuration)
        keyring, monitors = str(self._file("keyring")), str(self._file("monmap"))
        self._file("keyring").touch(0o600)
        for name, rights in KEYS.items():
            caps = [word for who, what in zip(rights[::2], rights[1::2], strict=True) for word in ("--cap", who, what)]
            self._run("ceph-authtool", keyring, "--gen-key", "--name", name, *caps)
        self._run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", self._monitor_address, monitors)
        self._run("ceph-mon", "--id", "a", "--mkfs", "--monmap", monitors, "--keyring", keyring)
        self._begin("ceph-mon", "--id", "a")
        osd = str(uuid.uuid4())
        self._run("ceph", "osd", "new", osd, "0")
        self._run("ceph-osd", "--id", "0", "--mkfs", "--osd-uuid", osd)
        self._begin("ceph-osd", "--id", "0")

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _environment(self) -> dict[str, str]:
        return os.environ | {"CEPH_CONF": str(self._file("ceph.conf"))}

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(  # noqa: S603 - Debian's program
            [self._paths[program], *words],
            env=self._environment(), capture_output=True, text=True, timeout=START_WITHIN_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr[-2000:]}")

    def _begin(self, program: str, *words: str) -> None:
        """Start what runs until it is killed; in a group of its own, since Ctrl-C is for the tests."""
        with self._file(f"{program}.out").open("ab") as out:
            self._running[program] = subprocess.Popen(  # noqa: S603 - Debian's program
                [self._paths[program], *words, "-f"],
                env=self._environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def _wait(self, ready: Callable[[], bool], program: str) -> None:
        end = time.monotonic() + START_WITHIN_S
        while not ready():
            if self._running[program].poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{program} did not start: {self._file(f'{program}.out').read_text()[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(self.endpoint).is_success
        except httpx.TransportError:
            return False

    def _kill(self, program: str) -> None:
        """Kill it: asked to end, the gateway never does once the monitor has gone, and nothing is there to be lost."""
        process = self._running.pop(program, None)
        if process is not None:
            process.kill()
            process.wait(STOP_WITHIN_S)

    def _end(self) -> None:
        for program in reversed(list(self._running)):
            self._kill(program)
        shutil.rmtree(self._folder)
