"""Servers, clusters and data that several tests use."""
