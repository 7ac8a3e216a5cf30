"""Two-node clusters on loopback, started and stopped by the tests."""
