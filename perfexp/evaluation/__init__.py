"""Accuracy, measured: images are decoded, inferred, scored and kept, part by part."""
