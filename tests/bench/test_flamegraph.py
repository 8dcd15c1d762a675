"""The flame graph of `make profile`: the thread that runs Trio, and no other."""

from benchmarks.flamegraph import of_thread, page

STACKS = """\
thread (11): uWSGIWorker1Core0;run (trio/_core/_run.py:1);app (app.py:1) 3
thread (11): uWSGIWorker1Core0;run (trio/_core/_run.py:1);<lambda> (app.py:2) 1
thread (12): signals;_wait_once (trio_worker/master/uwsgi_signals.py:175) 90
""".splitlines()


def test_only_the_thread_that_runs_trio_is_counted() -> None:
    root = of_thread(STACKS, 11)
    assert root.samples == 4
    (run,) = root.callees.values()
    assert {name: box.samples for name, box in run.callees.items()} == {"app (app.py:1)": 3, "<lambda> (app.py:2)": 1}
    assert root.depth == 3


def test_a_box_is_as_wide_as_its_share_and_stands_on_its_caller() -> None:
    text = page(of_thread(STACKS, 11), "worker")
    assert '<svg x="0.00" y="34" width="1200.00" height="17"><title>worker: 4</title>' in text
    assert '<svg x="300.00" y="0" width="900.00" height="17"><title>app (app.py:1): 3</title>' in text
    assert "<title>&lt;lambda&gt; (app.py:2): 1</title>" in text
    assert "signals" not in text
