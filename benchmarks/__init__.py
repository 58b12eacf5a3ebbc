"""Everything that measures: ``python -m benchmarks NAME``. It needs the repository."""
