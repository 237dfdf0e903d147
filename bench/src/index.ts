// Benchmarks stand here, one program each.
