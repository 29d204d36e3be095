"""Public: fakes, contract suites and odd files, for whoever writes an adapter."""
