"""What a browser's call costs, beside ours in `bench --only cpu`: `python -m tests.browser.chromium_call_bench`.

N pairs of RTCPeerConnection in one page of the real headless Chromium, a SIMULATED microphone both ways, Opus encoded
and decoded. CPU time of all of Chromium's processes, by /proc; Linux only. One JSON object on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.system_programs import require_program

SETTLE_S = 5.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
FLAGS = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
SESSIONS_IN_A_PAIR = 2
CALLS = """async (pairs) => {
    const sound = await navigator.mediaDevices.getUserMedia({audio: true});
    window.ends = [];
    const heard = async (end) => [...(await end.getStats()).values()].some(
        (one) => one.type === 'inbound-rtp' && one.packetsReceived > 0);
    for (let n = 0; n < pairs; n++) {
        const [far, near] = [new RTCPeerConnection(), new RTCPeerConnection()];
        for (const [one, other] of [[far, near], [near, far]]) {
            one.onicecandidate = ({candidate}) => other.addIceCandidate(candidate);
            one.ontrack = ({streams}) => {
                const speaker = document.body.appendChild(document.createElement('audio'));
                speaker.srcObject = streams[0];
                speaker.play();
            };
            sound.getTracks().forEach((track) => one.addTrack(track, sound));
        }
        await far.setLocalDescription(await far.createOffer());
        await near.setRemoteDescription(far.localDescription);
        await near.setLocalDescription(await near.createAnswer());
        await far.setRemoteDescription(near.localDescription);
        window.ends.push(far, near);
    }
    for (const end of window.ends)
        while (!(await heard(end))) await new Promise((done) => setTimeout(done, 50));
}"""
RECEIVED = """async () => {
    let packets = 0;
    for (const end of window.ends)
        for (const one of (await end.getStats()).values())
            if (one.type === 'inbound-rtp') packets += one.packetsReceived;
    return packets;
}"""


@contextmanager
def calling(program: str, folder: str, pairs: int) -> Iterator[tuple[BrowserContext, Page]]:
    """A browser with so many pairs that hear each other. Its profile is `folder`, by which its processes are known."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            folder, executable_path=program, headless=True, args=list(FLAGS), permissions=["microphone"]
        )
        try:
            page = browser.new_page()
            page.route("**/*", lambda route: route.fulfill(body="<body></body>", content_type="text/html"))
            page.goto("http://127.0.0.1/")  # a secure context, as getUserMedia wants; answered here, not by a server
            page.evaluate(CALLS, pairs)
            yield browser, page
        finally:
            browser.close()


def processes(folder: str) -> set[int]:
    """The browser that has its profile in `folder`, and everything that descends from it."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode(errors="replace")
            parents[int(path.name)] = int(_stat(path)[1])
        except OSError:
            continue  # it has ended
        if f"--user-data-dir={folder}" in words:
            found.add(int(path.name))
    while new := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= new
    return found


def cpu_s(pids: set[int]) -> float:
    """Processor seconds that these processes have used so far; of those that have ended nothing."""
    total = 0
    for pid in pids:
        try:
            fields = _stat(Path(f"/proc/{pid}"))
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])  # utime, stime: proc_pid_stat(5), counted from `state`
    return total / TICKS_PER_S


def pss_kb(pids: set[int]) -> int:
    """Their memory together, shared pages counted once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def _stat(process: Path) -> list[str]:
    """The fields after the program's name, which may hold blanks itself."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def run(program: str, pairs: int, seconds: float) -> dict[str, Any]:
    """One run in a browser of its own."""
    with tempfile.TemporaryDirectory() as folder, calling(program, folder, pairs) as (_, page):
        time.sleep(SETTLE_S)
        pids = processes(folder)
        packets, used_s, begun_s = page.evaluate(RECEIVED), cpu_s(pids), time.monotonic()
        time.sleep(seconds)
        used_s, wall_s = cpu_s(pids) - used_s, time.monotonic() - begun_s
        sessions = SESSIONS_IN_A_PAIR * pairs
        return {
            "ms_per_session_second": 1000 * used_s / wall_s / sessions,
            "packets_per_session_second": (page.evaluate(RECEIVED) - packets) / wall_s / sessions,
            "pss_mb": pss_kb(pids) / 1024,
            "processes": len(pids),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    words = parser.parse_args()
    program = require_program("chromium", "apt-get install chromium")
    runs = []
    for number in range(1, words.runs + 1):
        print(f"run {number} of {words.runs}: {words.pairs} pairs in Chromium", file=sys.stderr, flush=True)
        runs.append(run(program, words.pairs, words.seconds))
    told = {"pairs": words.pairs, "sessions": SESSIONS_IN_A_PAIR * words.pairs, "seconds": words.seconds}
    medians = {name: statistics.median(one[name] for one in runs) for name in runs[0]}
    machine = {"cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}
    print(json.dumps({"simulated": True, "machine": machine, **told, "median": medians, "runs": runs}))


if __name__ == "__main__":
    main()
