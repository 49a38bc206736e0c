import pytest

from launch.restarts import Restarts


def test_delays_double_up_to_the_cap():
    restarts = Restarts(base_s=0.5, cap_s=30.0)
    assert [restarts.delay_s(n) for n in range(9)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_day_of_failures_stays_at_the_cap():
    assert Restarts().delay_s(100_000) == 30.0


@pytest.mark.parametrize(("ran_s", "failures"), [(0.0, 6), (29.9, 6), (30.0, 1), (3600.0, 1)])
def test_a_steady_run_is_forgiven(ran_s: float, failures: int):
    assert Restarts(steady_s=30.0).failures_after(5, ran_s) == failures
