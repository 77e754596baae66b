"""`bench`: what the monitor costs, how exact it is and how soon it notices, beside a known truth."""
