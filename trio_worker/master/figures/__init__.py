"""The figures of all workers in memory that they share, for whoever answers for the instance.

    file.py      the file in memory: one region for each worker, which outlives its worker and every reload
    region.py    a region: numbers by name, and a series of counts for each kind of request
    counters.py  the counters of a worker that writes there

uWSGI's own metrics have no labels, and get their growth once a second: what a worker that is killed has not handed over
is lost. Here every request is counted where it stays. Each region has one writer, the worker with its number, so there
is no lock; a worker adds to what its predecessors have left.
"""
