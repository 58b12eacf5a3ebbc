"""What the page Images is made of."""
