"""
The faults of an ini that a Trio worker is to run under.

Each rule looks at the whole configuration and tells what it found. An error keeps the instance
from starting or from serving; a warning names what would not do what the ini says.
"""

from trio_worker.check.rules import deploys, options, rights, serving, start

RULES = (*options.RULES, *start.RULES, *serving.RULES, *rights.RULES, *deploys.RULES)
"""Every rule; their findings are reported in the order of the lines that they are about."""
