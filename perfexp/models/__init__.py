"""Networks: their sources, descriptions, weights and images."""
