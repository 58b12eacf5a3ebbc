"""The statistics of studies: hand-computed values, and what they promise on made studies."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.study_statistics import run_study_statistics
from fer_core.study import statistics
from fer_core.study.curves import clusters, mean_curve, share_showing


def test_intervals_of_means_are_those_of_the_textbook():
    found = statistics.mean(np.array([1.0, 2.0, 3.0, 4.0]))
    half = 3.182446 * np.sqrt(5 / 3) / 2
    assert found.value == 2.5
    assert (found.low, found.high) == pytest.approx((2.5 - half, 2.5 + half), abs=1e-6)
    a, b = np.array([1.0, 4, 2, 8]), np.array([0.0, 1, 1])
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    got = statistics.mean_difference(a, b)
    assert (got.low, got.high) == pytest.approx((welch.low, welch.high))


def test_effect_sizes_by_hand():
    a, b = np.array([2.0, 4, 6]), np.array([1.0, 2, 3])
    # Difference 2, pooled variance (4·2 + 1·2) / 4 = 2.5, correction of 4 degrees of freedom.
    correction = 0.7978845608
    assert statistics.hedges_g(a, b).value == pytest.approx(2 / np.sqrt(2.5) * correction)
    # Of the nine pairs a is larger in 7, smaller in 1, equal in 1.
    assert statistics.cliffs_delta(a, b).value == pytest.approx(6 / 9)
    assert statistics.cohens_dz(np.array([1.0, 2, 3])).value == pytest.approx(2.0)


def test_the_noncentral_interval_holds_what_just_fits():
    d = np.array([0.3, 1.4, 0.9, 1.8, 0.2, 1.1])
    found, t = statistics.cohens_dz(d), stats.ttest_1samp(d, 0).statistic
    scale = np.sqrt(len(d))
    assert stats.nct.cdf(t, 5, found.low * scale) == pytest.approx(0.975, abs=1e-4)
    assert stats.nct.cdf(t, 5, found.high * scale) == pytest.approx(0.025, abs=1e-4)


def test_permutation_tests_count_every_rearrangement():
    # Two of the 20 ways to divide six people are as extreme, and of the 16 signs two.
    test = statistics.independent_test([10.0, 11, 12], [1.0, 2, 3])
    assert (test.p, test.exact, test.rearrangements) == (pytest.approx(0.1), True, 20)
    assert test.smallest == pytest.approx(0.1)
    assert statistics.paired_test([1.0, 2, 3, 4]).p == pytest.approx(2 / 16)
    many = statistics.independent_test(np.arange(20.0), np.arange(20.0) + 40)
    assert (many.exact, many.p) == (False, pytest.approx(1e-4))


def test_equal_values_are_no_difference():
    assert statistics.independent_test([1.0, 1, 1], [1.0, 1, 1]).p == 1
    assert statistics.paired_test([0.0, 0, 0]).p == 1
    assert np.isnan(statistics.hedges_g([1.0, 1], [1.0, 1]).value)


def test_holm_and_the_number_of_people_it_takes():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert statistics.smallest_p(3, 4) == pytest.approx(1 / 35)
    # 2 / C(10, 5) = 0.0079 does not pass 0.05 / 7, 2 / C(12, 6) = 0.0022 does.
    assert statistics.people_needed(0.05 / 7, paired=False) == 6
    assert statistics.people_needed(0.05, paired=True) == 6


# The worst of all cases has 7.6 % (20,000 studies): with 2,000 chance alone takes it above 8 %.
@pytest.mark.parametrize(
    ("studies", "fewer"), [(2000, True), pytest.param(4000, False, marks=pytest.mark.slow)]
)
def test_made_studies_are_significant_and_covered_as_often_as_promised(studies, fewer):
    found = run_study_statistics(studies=studies, seed=1, fewer=fewer)
    normal = [c["share"] for c in found["errors"] if c["data"] in ("normal", "paired normal")]
    assert 0.035 <= np.mean(normal) <= 0.065
    assert max(normal) <= 0.08
    same = [c["share"] for c in found["errors"] if c["data"] == "exponential"]
    assert all(0.035 <= share <= 0.065 for share in same)
    for case in found["intervals"]:
        what, data, share = case["interval"], case["data"], case["share"]
        if what == "Cliff's delta":
            # So many studies tell a share but for two standard errors.
            low, high = (2 * np.sqrt(edge * (1 - edge) / studies) for edge in (0.91, 0.98))
            assert 0.91 - low <= share <= 0.98 + high, case
        elif data == "exponential":
            assert share >= 0.87, case
        else:
            assert 0.93 <= share <= 0.97, case
    assert all(abs(case["share"] - case["t_test"]) <= 0.05 for case in found["power"])


def test_a_mean_curve_has_no_interval_where_only_one_person_was_seen():
    values = np.array([[0.2, 0.4, np.nan], [0.4, np.nan, np.nan]])
    found = mean_curve(values, np.arange(3.0))
    assert found.n.tolist() == [2, 1, 0]
    assert found.mean[:2] == pytest.approx([0.3, 0.4])
    assert np.isnan(found.mean[2]) and np.isnan(found.low[1])
    again = mean_curve(np.array([[0.1], [0.5], [0.3], [0.9]]), np.zeros(1), bootstrap=True)
    assert again.low[0] < 0.45 < again.high[0]
    assert share_showing(values, 0.3).tolist()[:2] == [0.5, 1.0]


def test_clusters_are_found_where_curves_differ_and_hardly_ever_elsewhere():
    rng = np.random.default_rng(0)
    time = np.arange(60) * 0.1
    values = rng.normal(0, 0.1, (12, 60))
    values[:, 20:40] += 0.3
    found = [one for one in clusters(values, time) if one.p <= 0.05]
    assert len(found) == 1
    assert found[0].begin == pytest.approx(2.0, abs=0.2)
    assert found[0].end == pytest.approx(4.0, abs=0.2)
    wrong = 0
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(0, 1, (9, 40))
        smooth = np.apply_along_axis(np.convolve, 1, noise, np.ones(5) / 5, mode="same")
        wrong += any(one.p <= 0.05 for one in clusters(smooth, np.arange(40.0)))
    assert wrong / 200 <= 0.09
