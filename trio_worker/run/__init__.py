"""`trio-worker run app:app`: one command that starts a uWSGI with options of its own, and ends it.

arguments.py    what the command line says
options.py      the options of uWSGI that come of it
plugin.py       the native plugin, built once into the user's cache
output.py       what of uWSGI's output a developer wants to see
uwsgi.py        the life of the uWSGI: start, Ctrl-C, exit status
"""
