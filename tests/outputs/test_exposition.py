"""The text of a scrape is what prometheus_client itself would write of the same values, in both formats."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from monitor.outputs.exposition import Exemplar, Family, GaugeFamily

HOSTILE = 'a "quoted" \\ and\nbroken one'
EDGES = (0.25, 1.0, 5.0)


def theirs(registry: CollectorRegistry, *, openmetrics: bool) -> list[str]:
    """What prometheus_client writes, without the moments of creation, in lines."""
    told = (generate_openmetrics if openmetrics else generate_latest)(registry).decode()
    return [line for line in told.splitlines() if "_created" not in line and line != "# EOF"]


@pytest.mark.parametrize("openmetrics", [False, True])
def test_counters_and_histograms_read_as_the_librarys(openmetrics: bool) -> None:
    registry = CollectorRegistry()
    counter = Counter("hits_total", HOSTILE, ("site", "kind"), registry=registry)
    histogram = Histogram("took_seconds", HOSTILE, ("site", "kind"), registry=registry, buckets=EDGES)
    hits = Family("hits_total", HOSTILE, ("site", "kind"))
    took = Family("took_seconds", HOSTILE, ("site", "kind"), EDGES)
    for family in (hits, took):
        family.create([("here", HOSTILE), ("here", "quiet")])
    for child in (counter, histogram):
        child.labels("here", HOSTILE)
        child.labels("here", "quiet")
    for amount in (0.25, 0.2500001, 7.0, 3.0, 0.0, 1e9):
        counter.labels("here", HOSTILE).inc(amount)
        histogram.labels("here", HOSTILE).observe(amount)
        hits.add(("here", HOSTILE), amount)
        took.add(("here", HOSTILE), amount)
        ours = hits.text(openmetrics=openmetrics) + took.text(openmetrics=openmetrics)
        assert as_numbers(ours.splitlines()) == as_numbers(theirs(registry, openmetrics=openmetrics))


def as_numbers(lines: list[str]) -> list[object]:
    """Lines with their values as numbers: 1e+09 is as good as 1000000000.0."""
    return [line if line.startswith("#") else (line.rpartition(" ")[0], float(line.split()[-1])) for line in lines]


def test_a_buckets_last_exemplar_is_openmetrics_alone() -> None:
    family = Family("took_seconds", "x", ("site",), EDGES)
    family.create([("here",)])
    for agent, value in (("first", 0.3), ("last", 0.4)):
        family.add(("here",), value, Exemplar({"agent": agent, "probe": HOSTILE}, 1_790_000_000.5))
    assert "last" not in family.text(openmetrics=False)
    [parsed] = parse_openmetrics(family.text(openmetrics=True) + "# EOF\n")  # type: ignore[no-untyped-call]
    told = [sample.exemplar for sample in parsed.samples if sample.exemplar is not None]
    assert [(one.labels, one.value, float(one.timestamp)) for one in told] == [
        ({"agent": "last", "probe": HOSTILE}, 0.4, 1_790_000_000.5)
    ]


def test_a_series_is_created_once_and_a_counter_only_rises() -> None:
    family = Family("hits_total", "x", ("site",))
    family.create([("here",)])
    family.add(("here",), 2.0)
    family.create([("here",), ("there",)])
    assert family.text(openmetrics=False).splitlines()[2:] == [
        'hits_total{site="here"} 2.0',
        'hits_total{site="there"} 0.0',
    ]
    with pytest.raises(ValueError, match="only rises"):
        family.add(("here",), -1.0)
    with pytest.raises(KeyError):
        family.add(("nowhere",), 1.0)


def test_a_gauge_says_what_it_is_given_and_forgets_the_rest() -> None:
    gauge = GaugeFamily("up", "x", ("site",))
    assert gauge.text({("here",): 1.0, ("there",): float("nan")}, openmetrics=False).splitlines() == [
        "# HELP up x",
        "# TYPE up gauge",
        'up{site="here"} 1.0',
        'up{site="there"} NaN',
    ]
    assert gauge.text({("here",): float("inf")}, openmetrics=True).splitlines()[2:] == ['up{site="here"} +Inf']
    assert GaugeFamily("alone", "x", ()).text({(): 2.5}, openmetrics=False).endswith("\nalone 2.5\n")
