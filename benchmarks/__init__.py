"""
How exact and how fast the interpreters are, on real models. `make bench` runs it.

No part of the installed package. See `benchmarks/README.md`.
"""
