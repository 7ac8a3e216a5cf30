"""What a network is: where it comes from, what it computes, its weights and images."""
