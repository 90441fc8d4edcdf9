"""Conformance suites: every implementation of a protocol passes the same one. Needs pytest."""
