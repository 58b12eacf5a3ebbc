"""What the page of studies alone needs."""
