"""Instruments: each reads one thing and knows nothing of models or stores."""
