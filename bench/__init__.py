"""What is fast, against what, in one run. `python -m bench` lists the benchmarks and runs them."""
