"""One cell in a clean process."""
