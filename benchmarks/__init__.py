"""Commands that print ratios and seconds; nothing here is asserted in a test."""
