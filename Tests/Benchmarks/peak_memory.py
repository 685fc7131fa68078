"""Runs a command and says what the most memory was that it held: peak_memory.py COMMAND..."""

import resource
import subprocess
import sys

status = subprocess.run(sys.argv[1:]).returncode
print(f"peak memory {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.1f} MiB")
sys.exit(status)
