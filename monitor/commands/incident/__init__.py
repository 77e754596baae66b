"""The incident report: what it says as values, its figures, and one HTML file of them."""
