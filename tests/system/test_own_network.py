"""Rows of the gathering table that need a network of their own: no address, an interface that is down, silent DNS."""

from __future__ import annotations

from pathlib import Path

import pytest
from system.own_network import told_in_own_network

pytestmark = pytest.mark.system

UNREACHABLE_AND_UNKNOWN = ["unreachable"] * 3 + ["dns"] * 2


@pytest.mark.parametrize("case", ["no_address", "address_kept_but_down"])
def test_without_a_network_there_is_no_candidate_and_every_server_has_a_reason(case: str, tmp_path: Path) -> None:
    told = told_in_own_network(case, tmp_path)
    assert (told["signature"], told["obtained"], told["candidates"]) == ("empty", [], 0)
    assert told["probe"] == told["call"] == UNREACHABLE_AND_UNKNOWN
    assert all(told["details"])


def test_a_silent_name_server_is_dns_and_no_timeout(tmp_path: Path) -> None:
    told = told_in_own_network("silent_name_server", tmp_path)
    assert (told["signature"], told["obtained"], told["candidates"]) == ("host_only", ["host"], 1)
    assert told["probe"] == told["call"] == UNREACHABLE_AND_UNKNOWN
    assert sum(detail.startswith("no answer for ") for detail in told["details"]) == 4
