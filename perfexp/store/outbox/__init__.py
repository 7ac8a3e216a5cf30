"""Runs on their way into a store: the queue on disk, its files, their delivery, copies between stores."""
