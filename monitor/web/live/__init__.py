"""What the live page shows: the last hours of facts in bounded memory, and what children explain of them."""
