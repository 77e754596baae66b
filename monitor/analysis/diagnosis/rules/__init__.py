"""One small rule a cause: what speaks for it and what does not fit it, as a score; pure."""
