"""What the figures of a report show: evidence put to days, to windows and to the same time of other days; pure."""
