"""Does what a Dockerfile asks without an engine: each stage is a layer over this machine's own root, and runs in it.

So it is the instructions that are tried: what they copy, install, own and start. The base image is not: Debian's Python
stands in for it. Needs root, as the packages that tests install do.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BUILD_WITHIN_S = 280

MOUNT = re.compile(r"--mount=\S+\s+")
"""A cache of packages, for which this machine's own stands in."""


ENTER = """
set -eu
mode=$1 user=$2 volume=$3; shift 3
flock mounting mount -t overlay overlay -o "$mode,lowerdir=/,upperdir=upper,workdir=work" root  # two at once fail
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount -t tmpfs -o "$mode" tmpfs root/tmp
[ -z "$volume" ] || mount -t tmpfs -o "mode=700,uid=$user,gid=$user" tmpfs "root$volume"
exec chroot root "$@"
"""
"""Goes into a stage, in a space of mounts that ends with whatever runs there."""

POWERLESS = ("--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--")


@dataclass
class Stage:
    """What a stage has come to: the layer of its files, and what its instructions set."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    volume: str = ""
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    health: Sequence[str] = ()

    @property
    def layer(self) -> Path:
        """What this stage has over the base."""
        return self.folder / "upper"

    def build(self, *words: str) -> None:
        """Run words that may write anywhere, as its user. Raises AssertionError with what they said."""
        done = self._run(*self._inside(words, "rw", "0", ""))
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run words to their end as a container would that has no rights, and may write to its volume alone."""
        return self._run(*self.started_by(*words))

    def started_by(self, *words: str) -> list[str]:
        """Return the words that start such a container."""
        uid, _, gid = self.user.partition(":")
        return self._inside(("setpriv", f"--reuid={uid}", f"--regid={gid}", *POWERLESS, *words), "ro", uid, self.volume)

    def _inside(self, words: Sequence[str], *how: str) -> list[str]:
        env = [f"{name}={value}" for name, value in self.env.items()]
        clean = ("env", "--ignore-environment", f"--chdir={self.workdir}", *env)
        enter = ("unshare", "--mount", f"--wd={self.folder}", "sh", "-c", ENTER, "sh", *how)
        return [*enter, *clean, *words]

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the Dockerfile's own words
            words, capture_output=True, text=True, timeout=BUILD_WITHIN_S, check=False
        )


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """Yield each instruction and its arguments."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def sent(context: Path) -> set[str]:
    """Return the files that `.dockerignore` lets into a build, of those that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - wherever it is
        cwd=context, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    patterns = [line for line in (context / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    return {name for name in listed if _is_sent(name, patterns)}


def _is_sent(name: str, patterns: Sequence[str]) -> bool:
    parts = name.split("/")
    ways = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    kept = True
    for pattern in patterns:
        plain = pattern.removeprefix("!")
        matched = any(_matches(way, plain) for way in ways)
        kept = pattern.startswith("!") if matched else kept
    return kept


def _matches(way: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(way.rpartition("/")[2], pattern.removeprefix("**/"))
    return way.count("/") == pattern.count("/") and fnmatch.fnmatchcase(way, pattern)


def build(dockerfile: Path, context: Path, folder: Path) -> Stage:
    """Do what the Dockerfile asks, and return its last stage. Raises AssertionError where a step fails."""
    files = sent(context)
    stages: dict[str, Stage] = {}
    for name, rest in instructions(dockerfile):
        if name == "FROM":
            alias = rest.split(" AS ")[-1]
            stages[alias] = stage = _begun(folder / f"stage-{len(stages)}")
            continue
        _do(stage, name, rest, stages=stages, context=context, files=files)
    return stage


def _begun(folder: Path) -> Stage:
    """Return a stage with the base: Debian's Python where that image has its own."""
    for part in ("upper/usr/local/bin", "work", "root"):
        (folder / part).mkdir(parents=True)
    for program in ("python", "python3"):
        (folder / "upper/usr/local/bin" / program).symlink_to("/usr/bin/python3")
    return Stage(folder, env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"} | _registry())


def _registry() -> Mapping[str, str]:
    """Return how pip reaches its packages here."""
    return {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
            or name.lower().endswith("_proxy")}  # fmt: skip


def _do(stage: Stage, name: str, rest: str, *, stages: Mapping[str, Stage], context: Path, files: set[str]) -> None:
    match name:
        case "RUN":
            stage.build("sh", "-c", MOUNT.sub("", rest))
        case "COPY":
            _copy(stage, rest, stages=stages, context=context, files=files)
        case "WORKDIR":
            stage.workdir = rest
            (stage.layer / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "ENV":
            stage.env |= dict(word.split("=", 1) for word in shlex.split(rest))
        case _:
            _note(stage, name, rest)


def _note(stage: Stage, name: str, rest: str) -> None:
    """Keep what is said of the container."""
    match name:
        case "USER":
            stage.user = rest
        case "VOLUME":
            (stage.volume,) = json.loads(rest)
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            stage.command = json.loads(rest)
        case "HEALTHCHECK":
            stage.health = json.loads(rest.partition("CMD ")[2])
        case _:
            assert name in {"LABEL", "EXPOSE"}, f"{name} is not known here"


def _copy(stage: Stage, rest: str, *, stages: Mapping[str, Stage], context: Path, files: set[str]) -> None:
    *sources, target = shlex.split(rest)
    to = stage.layer / os.path.normpath(Path(stage.workdir, target)).lstrip("/")
    if sources[0].startswith("--from="):
        origin = stages[sources.pop(0).removeprefix("--from=")].layer
        shutil.copytree(origin / sources[0].lstrip("/"), to, symlinks=True, dirs_exist_ok=True)
        return
    for source in sources:
        found = [name for name in files if name == source or name.startswith(f"{source}/")]
        assert found, f"COPY {source}: .dockerignore lets nothing of it into the build"
        for one in found:
            below = Path(one).relative_to(source) if one != source else Path(Path(one).name)
            (to / below).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(context / one, to / below)
